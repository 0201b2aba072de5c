"""Scores of conditions against cases worked out by hand, and how they are laid out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn_results import Builder

from serbench.audit import AuditRecord, audit_path, saved_audit
from serbench.audit.record import earlier_audit
from serbench.audit.robustness import (
    CONDITIONS,
    Robustness,
    robustness_document,
    robustness_verdict,
    with_robustness,
)
from serbench.audit.robustness.panel import draw_evenly
from serbench.audit.robustness.scores import PLAIN, Altered, Judged, score_conditions
from serbench.errors import SerbenchError
from serbench.render import FORMATS, Document, Sheet, render
from serbench.site import write_entry_page
from serbench.site.plots.robustness import robustness_plot
from serbench.views.entry import Entry

LABELS = ("anger", "fear", "sadness")
SPEAKERS, EACH = 10, 4
TRUE = np.tile(np.repeat(np.arange(3), EACH), SPEAKERS)
JUDGED = Judged(TRUE, tuple(f"s{number:02}" for number in np.repeat(np.arange(SPEAKERS), 3 * EACH)), LABELS)


def answers(*guesses: np.ndarray) -> np.ndarray:
    return np.stack([0.05 + 0.85 * np.eye(3)[guess] for guess in guesses]).astype(np.float32)


def sad_where(rows: np.ndarray) -> np.ndarray:
    guess = TRUE.copy()
    guess[rows] = 2
    return guess


def measured(*, few: bool = False) -> Robustness:
    """Noise makes every fourth anger and all fear sad; a level changes nothing; a codec is not there."""
    noisy = sad_where((TRUE == 1) | ((TRUE == 0) & (np.arange(len(TRUE)) % 4 == 0)))
    judged = Judged(TRUE, tuple("ab"[number % 2] for number in range(len(TRUE))), LABELS) if few else JUDGED
    scores, why = score_conditions(
        [
            Altered(PLAIN, PLAIN, PLAIN, answers(TRUE, TRUE)),
            Altered("noise", "white noise 0 dB", "white noise", answers(noisy, noisy)),
            Altered("level", "level +10 dB", "recording", answers(TRUE, TRUE)),
            Altered("opus", "Opus 12 kbit/s", "transmission", None, "Opus needs the program ffmpeg; install ffmpeg"),
        ],
        judged,
    )
    return Robustness(
        on="validation", answered_by="its final run", runs=2, clips=120, clips_known=200, speakers=2 if few else 10,
        labels=LABELS, no_interval=why, repeats=0.0, seed=0, conditions=scores, serbench="0", created="2026-01-01",
    )  # fmt: skip


def test_the_loss_and_who_gains_and_suffers_are_counted() -> None:
    plain, noise, level, opus = measured().conditions
    assert plain.uar == 1.0
    assert plain.loss is None
    assert noise.recalls == (0.75, 0.0, 1.0)
    assert noise.uar == pytest.approx(1.75 / 3)
    assert noise.loss == pytest.approx(1.25 / 3)
    assert (noise.gains, noise.suffers) == ("sadness", "fear")
    assert noise.gained == pytest.approx((0.25 + 1.0) / 3)
    assert noise.suffered == 1.0
    assert noise.answers == pytest.approx((0.25, 0.0, 0.75))
    assert (level.loss, level.gains, level.suffers, level.p_value) == (0.0, None, None, 1.0)
    assert (opus.uar, opus.loss, opus.not_measured) == (None, None, "Opus needs the program ffmpeg; install ffmpeg")


def test_p_values_are_corrected_for_all_conditions() -> None:
    rng = np.random.default_rng(0)
    altered = [Altered(PLAIN, PLAIN, PLAIN, answers(TRUE))]
    altered += [
        Altered(f"c{number}", "c", "c", answers(sad_where((rng.random(len(TRUE)) < 0.03) & (TRUE < 2))))
        for number in range(8)
    ]
    alone = [score_conditions([altered[0], one], JUDGED)[0][1].p_value for one in altered[1:]]
    together = [one.p_value for one in score_conditions(altered, JUDGED)[0][1:]]
    assert all(other >= one for one, other in zip(alone, together, strict=True))
    assert together[int(np.argmin(alone))] == pytest.approx(min(1.0, 8 * min(alone)))


def test_few_speakers_get_losses_without_intervals() -> None:
    found = measured(few=True)
    assert found.no_interval == "no interval: 2 speakers, fewer than 8"
    assert found.conditions[1].loss == pytest.approx(1.25 / 3)
    assert found.conditions[1].low is None
    assert "95 % interval" not in robustness_verdict(found)
    assert "no interval" in robustness_plot(found).caption
    assert robustness_plot(found).paths == []


def test_unknown_speakers_get_losses_without_intervals() -> None:
    speakers = tuple("unknown" if who == "s03" else who for who in JUDGED.speakers)
    altered = [Altered(key, key, key, answers(guess, guess)) for key, guess in ((PLAIN, TRUE), ("noise", 0 * TRUE))]
    (_, noise), why = score_conditions(altered, Judged(TRUE, speakers, LABELS))
    assert why == "no interval: the speakers of some clips are unknown"
    assert (noise.loss, noise.low, noise.p_value) == (pytest.approx(2 / 3), None, None)
    assert score_conditions(altered, JUDGED)[1] == ""


def test_the_verdict_names_the_worst_condition_and_the_class_that_gains() -> None:
    verdict = robustness_verdict(measured())
    assert verdict.startswith("UAR falls most under white noise 0 dB, by 41.7 points (95 % interval ")
    assert "from 100.0 to 58.3 %" in verdict
    assert "'sadness' gains most answers there: 75.0 % of all, 33.3 % before." in verdict


def test_all_formats_say_what_is_not_measured_and_the_table_fits() -> None:
    document = robustness_document("cnn1d-abc123", measured())
    table = render(document, "table", width=80)
    assert max(map(len, table.splitlines())) <= 80
    assert "Opus 12 kbit/s is not measured: Opus needs the program ffmpeg; install ffmpeg" in " ".join(table.split())
    for form in FORMATS:
        assert "ffmpeg" in render(document, form, width=80), form
    data = json.loads(render(document, "json"))
    assert data["entry"] == "cnn1d-abc123"
    assert [one["condition"] for one in data["conditions"]] == [PLAIN, "noise", "level", "opus"]
    assert Robustness.model_validate({key: data[key] for key in Robustness.model_fields}) == measured()


def test_a_report_gets_the_tables_before_the_configuration() -> None:
    report = Document((Sheet("Runs", (), ()), Sheet("Configuration", (), ())), pd.DataFrame(), {"entry": "x"})
    assert with_robustness(report, ()) == report
    joined = with_robustness(report, (measured(),))
    assert [sheet.title.split(":")[0] for sheet in joined.sheets] == [
        "Runs", "Robustness", "Recall of each class in %", "Configuration",
    ]  # fmt: skip
    assert joined.payload["robustness"][0]["on"] == "validation"


def test_the_figure_shows_every_measured_condition() -> None:
    plot = robustness_plot(measured())
    rows = dict(plot.down)
    shown = {rows[dot.y]: dot.x for dot in plot.dots}
    assert list(shown) == ["white noise 0 dB", "level +10 dB"]
    assert shown["white noise 0 dB"] < shown["level +10 dB"] == plot.rules[0].x
    noise = measured().conditions[1]
    place = dict(plot.across)
    zero, full = (next(x for x, text in place.items() if text.startswith(what)) for what in ("0", "100"))
    low, high = (x for x, _ in plot.paths[0].points)
    assert (low - zero) / (full - zero) == pytest.approx(1 - noise.high, abs=1e-3)
    assert (high - zero) / (full - zero) == pytest.approx(1 - noise.low, abs=1e-3)
    assert "'sadness' gains most answers" in plot.dots[0].text
    assert "white noise 0 dB" in plot.alt


@pytest.fixture
def audited(tmp_path):
    """A drawn entry with a saved measurement and no audit."""
    build = Builder(tmp_path / "results")
    name = build.study()
    build.entry("cnn2d-abc123", name)
    record = AuditRecord(
        entry="cnn2d-abc123", study=name, family="cnn2d", corpus="demo", protocol="speaker", findings=(), draws=(),
        robustness=(measured(),), serbench="0", created="2026-01-01",
    )  # fmt: skip
    path = audit_path(build.results.study(name), record.entry)
    path.parent.mkdir()
    record.save(path)
    return build.read()


def test_an_entry_in_python_has_one_row_a_condition(audited) -> None:
    table = Entry(audited, "cnn2d-abc123").robustness()
    assert table.index.names == ["on", "condition"]
    assert table.loc[("validation", "noise"), "loss"] == pytest.approx(1.25 / 3)
    assert table.loc[("validation", "noise"), "recall_fear"] == 0.0
    assert "ffmpeg" in table.loc[("validation", "opus"), "not_measured"]
    Path(audit_path(audited.folder.study("demo-speaker-cnn2d"), "cnn2d-abc123")).unlink()
    assert Entry(audited, "cnn2d-abc123").robustness().empty


def test_the_page_of_an_entry_shows_it(audited, tmp_path) -> None:
    page = tmp_path / "entry.html"
    write_entry_page(audited, "cnn2d-abc123", page)
    html = page.read_text(encoding="utf-8")
    assert "How it fails in the world" in html
    assert 'id="plot-robustness-validation"' in html
    assert "Opus 12 kbit/s is not measured: Opus needs the program ffmpeg" in html
    assert "This entry was not audited" in html


def test_an_audit_of_before_has_no_robustness(audited) -> None:
    path = audit_path(audited.folder.study("demo-speaker-cnn2d"), "cnn2d-abc123")
    before = json.loads(path.read_text(encoding="utf-8"))
    del before["robustness"]
    path.write_text(json.dumps(before), encoding="utf-8")
    assert AuditRecord.load(path).robustness == ()


@pytest.mark.parametrize(("key", "told"), [("entry", "of 'other'"), ("study", "in study 'other'")])
def test_the_audit_of_another_entry_is_neither_shown_nor_added_to(audited, key, told) -> None:
    path = audit_path(audited.folder.study("demo-speaker-cnn2d"), "cnn2d-abc123")
    assert saved_audit(path) is not None
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {key: "other"}), encoding="utf-8")
    assert saved_audit(path) is None
    with pytest.raises(SerbenchError, match=f"is the audit .*{told}.*audit again"):
        earlier_audit(path)


@pytest.mark.parametrize(
    ("place", "change", "told"),
    [
        (0, {"not_measured": "no"}, "the first condition must be the unaltered clips"),
        (0, {"answers": []}, "has not one recall and one share"),
        (1, {"recalls": [0.5]}, "has not one recall and one share"),
        (3, {"recalls": [0.5]}, "has not one recall and one share"),
        (1, {"gains": "joy"}, "names a label that was not judged"),
        (1, {"suffers": "joy"}, "names a label that was not judged"),
        (1, {"uar": "Infinity"}, "finite number"),
        (1, {"loss": "NaN"}, "finite number"),
        (1, {"recalls": [0.5, None, "NaN"]}, "finite number"),
        (1, {"answers": [0.5, 0.5, "-Infinity"]}, "finite number"),
    ],
)
def test_conditions_that_do_not_fit_the_labels_are_refused(place, change, told) -> None:
    content = measured().model_dump(mode="json")
    assert Robustness.model_validate(content) == measured()
    content["conditions"][place] |= change
    with pytest.raises(ValueError, match=told):
        Robustness.model_validate(content)


def test_robustness_without_conditions_is_refused() -> None:
    with pytest.raises(ValueError, match="the first condition must be the unaltered clips"):
        Robustness.model_validate(measured().model_dump(mode="json") | {"conditions": []})


def test_clips_are_drawn_evenly() -> None:
    speakers = pd.Series(np.repeat(["a", "b", "c"], [50, 20, 4]))
    labels = pd.Series(np.tile(["x", "y"], 37))
    drawn = draw_evenly(speakers, labels, 12, np.random.default_rng(0))
    counts = pd.crosstab(speakers[drawn], labels[drawn])
    assert counts.to_numpy().tolist() == [[2, 2], [2, 2], [2, 2]]
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    np.testing.assert_array_equal(drawn, draw_evenly(speakers, labels, 12, np.random.default_rng(0)))
    assert len(draw_evenly(speakers, labels, 100, np.random.default_rng(0))) == 74


def test_conditions_have_keys_of_their_own_and_the_issue_names_them() -> None:
    keys = [one.key for one in CONDITIONS]
    assert len(set(keys)) == len(keys) == 19
    assert len({one.title for one in CONDITIONS}) == 19
    assert max(len(one.title) for one in CONDITIONS) < 22
