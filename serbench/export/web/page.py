"""Writes the page that listens: files of this package, the runtime, and of the bundle its network and what it states.

The page's own files always come from this package and never from a bundle, which may come from a stranger. Texts of
the bundle reach the page as JSON or escaped.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any, Final

from serbench.corpora import is_acted
from serbench.errors import SerbenchError
from serbench.export.bundle import CARD, BundleRecord
from serbench.export.light.runtimes import light_content
from serbench.export.web.card_page import card_page
from serbench.export.web.runtime import PACKAGE
from serbench.printable import printable, printable_lines
from serbench.records import read_text
from serbench.render import percent, span, speakers

__all__ = ["PAGE_FILES", "page_facts", "write_page"]

PAGE_FILES: Final = (
    "index.html",
    "page.css",
    "page.js",
    "sound.js",
    "charts.js",
    "network.js",
    "microphone.js",
    "capture.js",
)

_MOST_TEXT: Final = 16 << 20


def write_page(bundle: Path, record: BundleRecord, folder: Path, runtime: dict[str, bytes]) -> None:
    """Writes the page into a folder that any web server can show.

    Args:
        bundle: folder of a bundle that holds `model.onnx`.
        record: content of its `bundle.json`.
        folder: the folder to fill; created if missing.
        runtime: files of the runtime by name, see `runtime_files`.

    Raises:
        UsageError: the bundle holds no `model.onnx`.
        SerbenchError: a file of the bundle is missing, damaged or was changed.
    """
    network = light_content(bundle, record, "onnx")
    scores = _scores(bundle / "metrics.json")
    card = _text(bundle / CARD)
    (folder / "runtime").mkdir(parents=True, exist_ok=True)
    for name in PAGE_FILES:
        (folder / name).write_bytes(resources.files("serbench.export.web").joinpath("assets", name).read_bytes())
    for name, data in runtime.items():
        (folder / "runtime" / name).write_bytes(data)
    facts = page_facts(record, scores)
    (folder / "model.onnx").write_bytes(network)
    (folder / "model.json").write_text(json.dumps(facts, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")
    page = card_page(printable_lines(card), f"Model card: {facts['title']}")
    (folder / "card.html").write_text(page, encoding="utf-8")


def page_facts(record: BundleRecord, scores: dict[str, Any]) -> dict[str, Any]:
    """Returns what the page needs to know: the content of `model.json`.

    Args:
        record: record of the bundle.
        scores: content of its `metrics.json`.
    """
    spec, labels = record.features, tuple(map(printable, record.labels))
    title = printable(record.corpus.title)
    return {
        "title": f"Speech emotion recognition, learned from {title}",
        "about": f"Tells apart: {', '.join(labels)}. The model is {printable(record.entry)}.",
        "labels": labels,
        "sample_rate": spec.sample_rate,
        "n_samples": spec.n_samples,
        "crop": spec.crop,
        "longest_clip_s": record.longest_clip_s,
        "prediction_crops": record.prediction_crops,
        "meaning": _meaning(record, scores, title),
        "made": f"Made by serbench {printable(record.environment.serbench)}. Runs {PACKAGE} (MIT licence).",
    }


def _meaning(record: BundleRecord, scores: dict[str, Any], title: str) -> str:
    """What the test scores say about a new person."""
    if record.corpus.synthetic:
        return f"{title} is synthetic speech, so the scores say nothing about a person."
    chance = f"Guessing gives {percent(1 / len(record.labels))} %."
    uar, low, high = (_share(scores.get(name)) for name in ("uar", "uar_low", "uar_high"))
    if uar is None:
        return "The score of this model on new people is not known: the bundle does not state it."
    if why := _too_high(record, scores):
        return f"Do not expect the test score of {percent(uar)} % (UAR) for a new person: {why}. {chance}"
    interval = "" if low is None or high is None else f" (95 % interval {span(low, high)} %)"
    if record.joined:
        return (
            f"This model is the mean of {len(record.joined)} folds, and has heard all people of {title}: its own score "
            f"for a new person is not measured. The model of one fold had {percent(uar)} %{interval} on people whom it "
            f"had not heard: the share of each emotion that it got right, averaged over the emotions (UAR). {chance}"
        )
    return (
        f"For a new person, expect a score of about {percent(uar)} %{interval}: this is the share of each emotion that "
        f"it got right, averaged over the emotions (UAR), on {speakers(record.protocol.test_speakers)} of {title} whom "
        f"it had never heard. {chance} Expect less with {_elsewhere(record)}."
    )


def _too_high(record: BundleRecord, scores: dict[str, Any]) -> str:
    """Why the test score is higher than that of a new person, as the end of a sentence; '' if nothing is known."""
    if record.protocol.shares_speakers:
        return "the same people are in training and test"
    chosen = scores.get("chosen_on_tested")
    if isinstance(chosen, bool) or not isinstance(chosen, int) or chosen < 1:
        return ""
    return f"configurations that the search began with were chosen on {chosen:,} of the test speakers"


def _elsewhere(record: BundleRecord) -> str:
    """Speech unlike that of the corpus, as far as its kind is known."""
    if is_acted(record.corpus):
        return "other microphones, other languages and feelings that are not acted"
    return "other speech, microphones and languages"


def _share(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if known else None


def _scores(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise SerbenchError(f"{path} is damaged (no JSON); export the bundle again") from error
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    if path.is_file() and path.stat().st_size > _MOST_TEXT:
        raise SerbenchError(f"{path} is larger than 16 MiB, so it is not what serbench wrote; export the bundle again")
    return read_text(path)
