"""The page that listens, in a real headless Chromium with a file as its microphone.

Most tests have a stand-in for the 14 MiB of the runtime, whose answers are worked out here, too. The slow ones need the
real one: SERBENCH_WEB_RUNTIME names the unpacked npm package.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest
import soundfile
import soxr
from tiers import starts_children
from web_bundles import CROPS, LABELS, RATE, SPEC, make_page, network

from serbench.export.web.runtime import runtime_files
from serbench.export.windows import windows
from serbench.site import PageServer

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MARKUP = "</span><img src=x onerror=alert(1)>"
PATIENCE_MS = 60_000


def made_sound(duration_s: float, rate: int = RATE) -> np.ndarray:
    """A tone that glides and swells, with a little noise: no two windows are alike."""
    time = np.arange(round(duration_s * rate)) / rate
    glide = np.sin(2 * np.pi * (200 + 150 * np.sin(2.5 * time)) * time)
    noise = np.random.default_rng(1).standard_normal(len(time))
    return (0.3 * glide * (0.6 + 0.4 * np.sin(5 * time)) + 0.01 * noise).astype(np.float32)


def shares_of_thirds(cut: np.ndarray) -> np.ndarray:
    """What the stand-in answers: the energy of each third of a window, as shares."""
    loud = (cut.reshape(len(cut), 3, -1).astype(float) ** 2).sum(axis=2) + 1e-3
    return loud / loud.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    """What the fake microphone hears, over and over."""
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    soundfile.write(path, made_sound(3.0, 48_000), 48_000, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
@starts_children
def chromium(spoken):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    asked = (
        "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken}",
    )  # fmt: skip
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=asked)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def serve():
    """Serves a folder until the end of the module and returns its address."""
    with contextlib.ExitStack() as ends:

        def served(folder: Path) -> str:
            server = PageServer(folder)
            thread = threading.Thread(target=server.serve)
            thread.start()
            ends.callback(thread.join)
            ends.callback(server.stop)
            return server.address

        yield served


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory) -> str:
    return serve(make_page(tmp_path_factory.mktemp("page")))


@pytest.fixture
def open_page(chromium):
    """Opens a page and waits until it is loaded. At the end nothing was said on the console or asked from elsewhere."""
    contexts, trouble, allowed = [], [], []

    def opened(address, *, width=1280, theme="light", trouble_allowed=""):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, accept_downloads=True
        )
        contexts.append(context)
        allowed.append(trouble_allowed)
        context.grant_permissions(["microphone"], origin=address.rstrip("/"))
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: _check_local(asked.url, address, trouble))
        page.goto(address)
        page.wait_for_selector("body[data-loaded]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in trouble if not any(word and word in one for word in allowed)] == []


def _check_local(url, address, trouble):
    if not url.startswith((address, "data:", "blob:")):
        trouble.append(f"fetched {url}")


def wav(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def drop(page, path: Path) -> np.ndarray:
    """Gives the page a file and returns its probabilities."""
    page.set_input_files("#file", path)
    page.locator("#status", has_text=re.compile(rf"^{re.escape(path.name)}: .* %\.$")).wait_for()
    return probabilities(page)


def probabilities(page) -> np.ndarray:
    return np.array(json.loads(page.locator("#result").get_attribute("data-probabilities")))


@pytest.mark.slow
def test_a_file_gets_the_mean_over_windows_that_predict_would_take(open_page, address, tmp_path) -> None:
    page = open_page(address)
    assert page.locator("#status").inner_text() == "Ready."
    long = made_sound(7.3)
    starts, cut = windows(long, SPEC, 2.0, CROPS)
    answers = shares_of_thirds(cut)
    assert len(starts) > 5
    np.testing.assert_allclose(drop(page, wav(tmp_path / "long.wav", long)), answers.mean(axis=0), atol=1e-6)
    assert page.locator("#label").inner_text() == LABELS[int(answers.mean(axis=0).argmax())]
    assert page.locator("#where").inner_text() == f"long.wav: mean of {len(starts)} windows"
    assert page.locator("#timeline").is_visible()
    short = made_sound(0.8)  # shorter than a window: padded
    expected = shares_of_thirds(windows(short, SPEC, 2.0, CROPS)[1])[0]
    np.testing.assert_allclose(drop(page, wav(tmp_path / "short.wav", short)), expected, atol=1e-6)
    assert not page.locator("#timeline").is_visible()


@pytest.mark.slow
def test_another_rate_and_two_channels_give_what_soxr_gives(open_page, address, tmp_path) -> None:
    page = open_page(address)
    left, right = made_sound(1.9, 44_100), made_sound(1.9, 44_100)[::-1] * 0.3
    # A tone just below the Nyquist frequency of 8 kHz in the first third only: its level is what the filter leaves.
    left[: 44_100 // 2] = 0.4 * np.sin(2 * np.pi * 7_500 / 44_100 * np.arange(44_100 // 2))
    resampled = soxr.resample(np.stack([left, right], axis=1).mean(axis=1), 44_100, RATE, quality="HQ")
    expected = shares_of_thirds(windows(resampled, SPEC, 2.0, CROPS)[1]).mean(axis=0)
    for name in ("both.wav", "both.flac"):
        soundfile.write(tmp_path / name, np.stack([left, right], axis=1), 44_100)
        np.testing.assert_allclose(drop(page, tmp_path / name), expected, atol=5e-4)


@pytest.mark.slow
def test_the_timeline_answers_to_keys_and_clicks(open_page, address, tmp_path) -> None:
    page = open_page(address)
    long = made_sound(6.0)
    starts, cut = windows(long, SPEC, 2.0, CROPS)
    answers = shares_of_thirds(cut)
    whole = drop(page, wav(tmp_path / "long.wav", long))
    page.locator("#place").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    np.testing.assert_allclose(probabilities(page), answers[2], atol=1e-6)
    assert page.locator("#where").inner_text() == "long.wav: 1.5 s to 3.0 s"
    assert LABELS[int(answers[2].argmax())] in page.locator("#place").get_attribute("aria-valuetext")
    width = page.locator("#chances").bounding_box()["width"]
    page.locator("#chances").click(position={"x": width - 2, "y": 20})
    np.testing.assert_allclose(probabilities(page), answers[-1], atol=1e-6)
    assert page.locator("#player").evaluate("player => player.currentTime") == pytest.approx(
        starts[-1] / RATE, abs=0.01
    )
    page.locator("#whole").focus()
    page.keyboard.press("Enter")
    np.testing.assert_array_equal(probabilities(page), whole)


@pytest.mark.slow
def test_the_keys_go_on_while_it_plays(open_page, address, tmp_path) -> None:
    page = open_page(address)
    drop(page, wav(tmp_path / "long.wav", made_sound(12.0)))
    page.locator("#player").evaluate(
        "player => { player.muted = true; player.playbackRate = 0.1; return player.play(); }"
    )
    page.locator("#place").focus()
    for number in range(1, 5):
        page.keyboard.press("ArrowRight")
        page.locator("#player").evaluate("player => player.ontimeupdate()")
        assert page.locator("#place").input_value() == str(number)


@pytest.mark.slow
def test_the_microphone_is_heard_and_its_recording_gets_the_same_answer_as_a_file(
    open_page, address, spoken, tmp_path
) -> None:
    page = open_page(address)
    page.get_by_role("button", name="Use the microphone").click()
    page.locator("#where", has_text="the last 1.5 s").wait_for()  # a whole window was heard
    assert page.locator("#over-time").is_visible()
    heard = record(page, tmp_path)
    _, cut = windows(heard, SPEC, 2.0, CROPS)
    np.testing.assert_allclose(probabilities(page), shares_of_thirds(cut).mean(axis=0), atol=1e-5)
    assert likeness(heard, spoken) > 0.9


@pytest.mark.slow
def test_a_double_click_on_stop_keeps_the_recording(open_page, address) -> None:
    page = open_page(address)
    page.get_by_role("button", name="Use the microphone").click()
    page.locator("#where", has_text="the last").wait_for()
    page.get_by_role("button", name="Stop the microphone").dblclick()
    page.locator("#status", has_text=re.compile(r"^recording: .* %\.$")).wait_for()
    assert page.locator("#microphone").inner_text() == "Use the microphone"
    assert page.locator("#save").is_visible()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NotFoundError", "there is none"),
        ("NotAllowedError", "the browser does not allow it"),
        ("NotReadableError", "it does not answer; another program may use it"),
        ("AbortError", "it was unplugged"),
    ],
)
@pytest.mark.slow
def test_a_microphone_that_fails_says_why(open_page, address, name, reason) -> None:
    page = open_page(address)
    page.evaluate(
        """name => {
            navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("it was unplugged.", name));
        }""",
        name,
    )
    page.get_by_role("button", name="Use the microphone").click()
    page.locator("#status", has_text=f"The microphone cannot be used: {reason}.").wait_for()
    assert page.locator("#microphone").is_enabled()


@pytest.mark.slow
def test_a_label_of_another_direction_leaves_the_number_in_its_place(open_page, serve, tmp_path) -> None:
    page = open_page(serve(make_page(tmp_path, labels=("غضب", "فرح", "حزن"))))
    drop(page, wav(tmp_path / "one.wav", made_sound(1.0)))
    assert re.search("\u2068[غضبفرحزن]+\u2069, [0-9.]+ %\\.$", page.locator("#status").text_content())
    label, number = (page.locator(place).bounding_box() for place in ("#label", "#confidence"))
    assert label["x"] + label["width"] <= number["x"]


def record(page, folder: Path) -> np.ndarray:
    """Stops the microphone, waits for the answer and returns what was recorded."""
    page.get_by_role("button", name="Stop the microphone").click()
    page.locator("#status", has_text=re.compile(r"^recording: .* %\.$")).wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save the recording").click()
    download.value.save_as(folder / "recording.wav")
    samples, rate = soundfile.read(folder / "recording.wav", dtype="float32")
    assert rate == RATE
    return samples


def likeness(heard: np.ndarray, spoken: Path) -> float:
    """Largest correlation of a quarter of a second that was heard with any place of what was spoken.

    The largest, since a busy machine may lose blocks of a sound that nobody waits for.
    """
    source, own = soundfile.read(spoken, dtype="float32")
    source = soxr.resample(np.concatenate([source, source]), own, RATE)
    size = RATE // 4
    squares = np.sqrt(np.convolve(source**2, np.ones(size), mode="valid")) + 1e-6
    parts = [heard[start : start + size] for start in range(0, len(heard) - size, size)]
    return max(
        float((np.correlate(source, part, mode="valid") / squares).max() / (np.linalg.norm(part) + 1e-6))
        for part in parts
    )


@pytest.mark.slow
def test_once_loaded_the_browser_refuses_every_connection(open_page, address) -> None:
    page = open_page(address, trouble_allowed="Content Security Policy")
    assert "connect to nothing" in page.locator("#private").inner_text()
    for url in ("model.json", "https://example.org/"):
        assert page.evaluate("url => fetch(url).then(() => 'sent', () => 'refused')", url) == "refused"


@pytest.mark.slow
def test_labels_and_names_of_strangers_are_text(open_page, serve, tmp_path) -> None:
    page = open_page(serve(make_page(tmp_path, labels=(MARKUP, "b", "c"), title=MARKUP)))
    drop(page, wav(tmp_path / "<img src=x onerror=alert(2)>.wav", made_sound(1.0)))
    assert page.locator("#shares .name").first.inner_text() == MARKUP
    assert MARKUP in page.locator("h1").inner_text()
    assert page.locator("img").count() == 0
    page.get_by_role("link", name="Model card").click()
    page.wait_for_url("**/card.html")
    assert page.locator("img").count() == 0


@pytest.mark.slow
def test_what_is_no_sound_and_what_is_silent_is_said(open_page, address, tmp_path) -> None:
    page = open_page(address)
    (tmp_path / "letter.wav").write_text("no sound", encoding="utf-8")
    page.set_input_files("#file", tmp_path / "letter.wav")
    page.locator("#status", has_text="This browser cannot read letter.wav as sound").wait_for()
    drop(page, wav(tmp_path / "silent.wav", np.zeros(RATE, np.float32)))
    assert "nothing to hear" in page.locator("#caution").inner_text()
    drop(page, wav(tmp_path / "loud.wav", made_sound(1.0)))
    assert not page.locator("#caution").is_visible()


@pytest.mark.slow
def test_a_page_without_its_runtime_says_how_to_open_it(open_page, serve, tmp_path) -> None:
    folder = make_page(tmp_path)
    shutil.rmtree(folder / "runtime")
    page = open_page(serve(folder), trouble_allowed=" ")
    assert "serbench demo" in page.locator("#status").inner_text()
    assert page.get_by_role("button", name="Choose a file").is_disabled()


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
@pytest.mark.slow
def test_a_phone_and_a_desk_can_read_it(open_page, address, tmp_path, width, theme) -> None:
    page = open_page(address, width=width, theme=theme)
    drop(page, wav(tmp_path / "long.wav", made_sound(6.0)))
    page.locator("#place").focus()
    page.keyboard.press("ArrowRight")
    _no_violation(page, width)
    page.get_by_role("link", name="Model card").click()
    page.wait_for_url("**/card.html")
    _no_violation(page, width)


def _no_violation(page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE)
    found = page.evaluate("axe.run().then(result => result.violations.map(one => [one.id, one.nodes[0].html]))")
    assert found == []


@pytest.fixture(scope="module")
def real(serve, tmp_path_factory):
    """The page with the real runtime, and the network in onnxruntime."""
    named = os.environ.get("SERBENCH_WEB_RUNTIME", "").strip()
    if not named:
        pytest.skip("SERBENCH_WEB_RUNTIME does not name the unpacked npm package onnxruntime-web")
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    data = network()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    folder = make_page(tmp_path_factory.mktemp("real"), runtime_files(Path(named)), data=data)
    return serve(folder), lambda cut: session.run(None, {"waveform": cut})[0]


@pytest.mark.slow
def test_the_browser_answers_as_onnx_runtime_does(open_page, real, tmp_path) -> None:
    address, answer = real
    page = open_page(address)
    for name, sound in (("long.wav", made_sound(7.3)), ("short.wav", made_sound(0.8))):
        expected = answer(windows(sound, SPEC, 2.0, CROPS)[1]).mean(axis=0)
        np.testing.assert_allclose(drop(page, wav(tmp_path / name, sound)), expected, atol=1e-4)
        assert page.locator("#label").inner_text() == LABELS[int(expected.argmax())]


@pytest.mark.slow
def test_the_microphone_is_answered_as_onnx_runtime_does(open_page, real, spoken, tmp_path) -> None:
    address, answer = real
    page = open_page(address)
    page.get_by_role("button", name="Use the microphone").click()
    page.locator("#where", has_text="the last 1.5 s").wait_for()
    heard = record(page, tmp_path)
    expected = answer(windows(heard, SPEC, 2.0, CROPS)[1]).mean(axis=0)
    np.testing.assert_allclose(probabilities(page), expected, atol=1e-4)
    assert page.locator("#label").inner_text() == LABELS[int(expected.argmax())]
    assert likeness(heard, spoken) > 0.9
