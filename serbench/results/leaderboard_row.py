"""`Row`: one line of the leaderboard. Each field is declared once: its key in CSV and JSON, its value, its format.

To add a column, add a field. CSV, JSON, the printed table, the site, the entry's report and the handbook follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from serbench.evaluation import POWER, Evaluation, Interval, brier_score, expected_calibration_error
from serbench.records import Counted, FrozenModel, ModelCost
from serbench.references import BASELINES
from serbench.results.columns import Cell, Column, Fact, RowSource, column, columns_of
from serbench.results.grouping import Group
from serbench.results.reference_rows import ReferenceRow
from serbench.results.scored_entry import ScoredEntry, mean

__all__ = ["COLUMNS", "DetectableDifference", "GroupRows", "Row", "make_row", "warnings_of"]


def _by_the_group(_: RowSource) -> None:
    """Placeholder for a value that depends on the other rows; `serbench.results.leaderboard` fills it in."""


def warnings_of(tested: ScoredEntry) -> tuple[str, ...]:
    """Returns what a reader of an entry's scores must know of its corpus, split, runs and choice, a sentence each."""
    study, entry = tested.study, tested.entry
    warnings = [*study.corpus.warnings, *study.protocol.warnings]
    if entry.failed_refits:
        tried = len(entry.failed_refits) + len(entry.refits)
        failed = f"{len(entry.failed_refits)} of {tried} runs failed or were interrupted"
        warnings.append(f"{failed}, and are left out of all means")
    if tested.chosen_on:
        warnings.append(
            "configurations that the search began with were chosen on "
            f"{len(tested.chosen_on)} of the test speakers, so the test scores are too high"
        )
    return tuple(warnings)


def _taken_from(it: RowSource, what: str) -> str | None:
    """The entries that training took weights or answers from, of an ensemble those of all members."""
    found = [getattr(study, what) for study in it.tested.together or (it.tested.study,)]
    return ", ".join(dict.fromkeys(one.entry for one in found if one is not None)) or None


def _first_cost(it: RowSource) -> ModelCost | None:
    return it.tested.refits[0].record.cost if it.tested.refits else None


def _ms(cost: ModelCost | None) -> float | None:
    return None if cost is None or cost.features_ms is None else cost.features_ms + cost.model_ms


def _difference(larger: float | None, smaller: float | None) -> float | None:
    return None if larger is None or smaller is None else larger - smaller


def _seed_luck(it: RowSource) -> float | None:
    """How far the score of the search's own validation clips fell with other seeds."""
    retrained = mean(refit.record.value for refit in it.tested.refits)
    return _difference(it.tested.entry.search_value, retrained)


def _of_test(it: RowSource, name: str) -> str | None:
    test: Evaluation | None = it.tested.test
    found: str | None = getattr(test, name) if test else None
    return found


class Row(FrozenModel):
    """An entry on the test set. Scores are fractions and means over refits; None if undefined."""

    rank: int | None = column(_by_the_group, "by UAR among rows of the same group; None for a row without rank")
    tie_group: int | None = column(
        _by_the_group,
        "rows with the same number are a statistical tie with the best of them; None for a row that was compared with "
        "nothing",
        cell=Cell("tie group", 10, rank=3),
    )
    selected: bool = column(
        lambda it: it.selected,
        "the entry with the best validation score of its group",
        cell=Cell("selected", 30, rank=4, form="yes", align="left"),
    )
    entry: str = column(
        lambda it: it.tested.entry.entry_id,
        cell=Cell("entry", 20, rank=0, form="checked", other="problems", align="left"),
    )
    study: str = column(lambda it: it.tested.study.name, cell=Cell("study", 230, rank=18, form="text", align="left"))
    family: str = column(lambda it: it.tested.entry.family, cell=Cell("family", 40, rank=7, form="text", align="left"))
    origin: str = column(lambda it: it.tested.entry.origin, "'trial 12', or the name of an enqueued configuration")
    forced: bool = column(
        lambda it: it.tested.entry.forced, "made a finalist by the space file, not by its validation score"
    )
    ensemble_of: int = column(
        lambda it: len(it.tested.entry.members),
        "members (finalists, or the best of each family) whose answers are averaged; 0 if it is a single model",
    )
    init: str | None = column(
        lambda it: _taken_from(it, "init"),
        "entry whose weights its training started from (`--init`); empty for training from scratch",
    )
    teacher: str | None = column(
        lambda it: _taken_from(it, "teacher"),
        "entry whose out-of-fold answers it learned from, so that its own validation scores are too high",
    )
    bag: int = column(
        lambda it: it.tested.entry.bag,
        "fold models that are averaged into one model; 0 if the entry is a single network",
    )
    finals: str = column(
        lambda it: it.tested.entry.finals,
        "what its runs were trained on: 'held-out' (the validation clips left out) or 'all' clips outside the test set",
    )
    corpus: str = column(lambda it: it.tested.study.corpus.name)
    corpus_digest: str = column(lambda it: it.tested.study.corpus.digest)
    synthetic: bool = column(lambda it: it.tested.study.corpus.synthetic, "the corpus holds no human speech")
    labels: int = column(lambda it: len(it.tested.study.corpus.labels))
    label_source: str = column(
        lambda it: it.tested.study.corpus.label_source,
        "'intended' by the speaker or 'perceived' by most listeners",
        cell=Cell("labels", 50, rank=22, form="text", align="left"),
    )
    protocol: str = column(lambda it: it.tested.study.protocol.name)
    protocol_hash: str = column(lambda it: it.tested.study.protocol.hash)
    folds: int = column(
        lambda it: it.tested.study.protocol.folds,
        "folds whose test speakers are pooled; 1 if the protocol has no folds",
    )
    shares_speakers: bool = column(
        lambda it: it.tested.study.protocol.shares_speakers, "whether the test speakers are in the training data, too"
    )
    speaker_normalisation: bool = column(
        lambda it: it.tested.study.protocol.speaker_normalisation,
        "transductive: features are normalised with the test speakers' own clips",
    )
    uar: float | None = column(
        lambda it: it.tested.mean_score("test", "uar"), cell=Cell("UAR %", 60, rank=1, form="percent")
    )
    uar_low: float | None = column(
        lambda it: it.interval.low if it.interval else None,
        "lower end of the 95 % interval over speakers and seeds",
        cell=Cell("95 % CI", 70, rank=2, form="span", other="uar_high"),
    )
    uar_high: float | None = column(lambda it: it.interval.high if it.interval else None)
    accuracy: float | None = column(
        lambda it: it.tested.mean_score("test", "accuracy"),
        cell=Cell("acc. %", 80, rank=5, form="percent", site=10),
        fact=Fact("test accuracy", "{} %", "percent"),
    )
    macro_f1: float | None = column(
        lambda it: it.tested.mean_score("test", "macro_f1"),
        cell=Cell("macro-F1 %", 90, rank=6, form="percent", site=20),
        fact=Fact("test F1", "macro {} %", "percent"),
    )
    weighted_f1: float | None = column(
        lambda it: it.tested.mean_of(lambda refit: refit.evaluations["test"].weighted_f1),
        fact=Fact("test F1", "weighted {} %", "percent"),
    )
    kappa: float | None = column(
        lambda it: it.tested.mean_of(lambda refit: refit.evaluations["test"].kappa),
        "Cohen's kappa: agreement beyond chance",
        fact=Fact("agreement", "Cohen's kappa {}", "decimal"),
    )
    ece: float | None = column(
        lambda it: it.tested.mean_of(
            lambda refit: expected_calibration_error(refit.test_true, refit.test_probabilities)
        ),
        "expected calibration error, 15 bins",
        fact=Fact("calibration", "expected calibration error {} %", "percent"),
    )
    brier: float | None = column(
        lambda it: it.tested.mean_of(lambda refit: brier_score(refit.test_true, refit.test_probabilities)),
        "mean squared distance of the probabilities from the true class, 0 to 2",
        fact=Fact("calibration", "Brier score {}", "decimal"),
    )
    out_of_fold: bool = column(
        lambda it: it.tested.entry.out_of_fold is not None,
        "whether the validation scores are those of out-of-fold answers",
    )
    validation_uar: float | None = column(
        lambda it: it.tested.mean_score("validation", "uar"),
        "of the out-of-fold answers where cross-validation compared configurations; else on the validation core, mean "
        "over runs",
        cell=Cell("val. UAR %", 100, rank=8, form="percent", site=30, about="out of fold, else on the validation core"),
    )
    validation_score: float | None = column(
        lambda it: it.tested.validation_score,
        "the objective on the same clips (of pooled folds the mean of the folds' scores, where `validation_uar` is of "
        "all answers together); decides `selected`",
    )
    search_uar: float | None = column(
        lambda it: it.tested.entry.search_value if it.tested.study.objective == "uar" else None,
        "on the validation core, of the trial that made it a finalist",
    )
    winners_curse: float | None = column(
        lambda it: _difference(it.tested.entry.search_value, it.tested.entry.out_of_fold),
        "validation score in the search - out-of-fold score of the same configuration, on all speakers outside the "
        "test set",
        cell=Cell(
            "selection bias",
            120,
            rank=10,
            form="points",
            site=90,
            about="validation score in the search - out-of-fold score of the same configuration, in points",
            more=True,
        ),
        fact=Fact(
            "selection bias", "{} points (validation score in the search - out-of-fold score)", "points", optional=True
        ),
    )
    seed_luck: float | None = column(
        _seed_luck,
        "validation score in the search - mean score on the same clips when retrained with other seeds; None where "
        "nothing was retrained, or no clip held back",
        fact=Fact("seed luck", "{} points (validation score in the search - when retrained)", "points", optional=True),
    )
    optimism_gap: float | None = column(
        lambda it: _difference(it.tested.mean_score("validation", "uar"), it.tested.mean_score("test", "uar")),
        "validation_uar - uar",
        cell=Cell("gap", 110, rank=9, form="points", site=40, about="validation UAR - test UAR, in points"),
        fact=Fact("optimism gap", "{} points (validation UAR - test UAR)", "points"),
    )
    seeds: int = column(
        lambda it: len(it.tested.refits),
        "completed runs, each with a seed of its own",
        cell=Cell("seeds", 130, rank=12, site=50, about="runs, each with a new seed"),
    )
    failed_seeds: int = column(lambda it: len(it.tested.entry.failed_refits))
    looks: int = column(
        lambda it: it.tested.entry.looks,
        "evaluations of the test set, those of audits included",
        cell=Cell("test evals", 140, rank=11, site=100, about="evaluations of the test set", more=True),
    )
    trials: int = column(
        lambda it: it.tested.trials,
        "completed and pruned trials of the study",
        cell=Cell("trials", 150, rank=15, site=110, about="completed and pruned trials of the study", more=True),
        fact=Fact("search", "{} trials completed or pruned", "count", about="model"),
    )
    test_clips: int = column(lambda it: it.tested.study.protocol.test_clips)
    test_speakers: int = column(lambda it: it.tested.study.protocol.test_speakers)
    parameters: int | None = column(
        lambda it: it.tested.refits[0].record.parameters if it.tested.refits else None,
        cell=Cell("parameters", 180, rank=16, site=60),
        fact=Fact("model", "{} parameters", "count", about="model"),
    )
    multiply_accumulates: int | None = column(
        lambda it: cost.multiply_accumulates if (cost := _first_cost(it)) else None,
        "of one clip's forward pass",
        cell=Cell(
            "MACs (M)",
            190,
            rank=20,
            form="macs",
            other="model_bytes",
            site=120,
            about="millions, for one clip",
            more=True,
        ),
        fact=Fact("prediction", "{}", "macs_in_words", other="model_bytes", about="model", place=1),
    )
    ms_per_clip: float | None = column(
        lambda it: mean(_ms(refit.record.cost) for refit in it.tested.refits),
        "front end and model, one clip on one CPU core; mean over runs",
        cell=Cell("ms/clip", 200, rank=19, form="milliseconds", site=70, about="front end and model on one CPU core"),
        fact=Fact("prediction", "{} ms a clip on one CPU core", "milliseconds", about="model"),
    )
    model_bytes: int | None = column(
        lambda it: cost.model_bytes if (cost := _first_cost(it)) else None,
        "size of the model's file in a bundle",
        cell=Cell("model", 210, rank=21, form="size", site=130, about="size of the model's file", more=True),
        fact=Fact("model", "{}", "size", about="model"),
    )
    train_seconds: float | None = column(
        lambda it: mean(refit.train_seconds for refit in it.tested.refits),
        "wall time of one run; of a bag, of all its networks",
        cell=Cell("fit time", 220, rank=17, form="duration", site=80, about="wall time of one run"),
        fact=Fact("model", "{} a run", "duration", about="model"),
    )
    best_by_recall: str | None = column(
        lambda it: _of_test(it, "best_class_by_recall"),
        cell=Cell("best", 160, rank=13, form="text", align="left", site=140, about="class by recall", more=True),
    )
    worst_by_recall: str | None = column(
        lambda it: _of_test(it, "worst_class_by_recall"),
        cell=Cell("worst", 170, rank=14, form="text", align="left", site=150, about="class by recall", more=True),
    )
    best_by_count: str | None = column(
        lambda it: _of_test(it, "best_class_by_count"), "class with the most correct clips; favours large classes"
    )
    worst_by_count: str | None = column(lambda it: _of_test(it, "worst_class_by_count"))
    warnings: tuple[str, ...] = column(lambda it: warnings_of(it.tested))
    chosen_on_tested: int = column(
        lambda it: len(it.tested.chosen_on),
        "test speakers on whom a configuration that the study began with was chosen (`chosen_on`)",
    )
    problems: tuple[str, ...] = column(
        lambda it: it.tested.problems,
        "what contradicts its numbers, see `serbench verify`; such a row has no rank and is never selected",
    )


COLUMNS: dict[str, Column] = columns_of(Row)
"""The declared column of every field of `Row`, by name."""


@dataclass(frozen=True)
class DetectableDifference:
    """The difference in UAR that a test set shows with 80 % power, see `serbench.evaluation.power`.

    Attributes:
        difference: median over the comparisons, a fraction.
        comparisons: entries and references that were compared with the selected entry.
        speakers: number of test speakers.
    """

    difference: float
    comparisons: int
    speakers: int

    @property
    def short(self) -> str:
        """The difference in a few words."""
        return f"differences from {100 * self.difference:.1f} points show at {100 * POWER:.0f} % power"

    @property
    def sentence(self) -> str:
        """The difference, and where it comes from."""
        compared = _plural(self.comparisons, "comparison", "comparisons")
        return (
            f"on these {self.speakers} test speakers, a true difference of {100 * self.difference:.1f} points of UAR "
            f"is significant in {100 * POWER:.0f} % of cases (paired test, 5 % level; median of {compared} with the "
            "selected entry); smaller ones are mostly ties"
        )


@dataclass(frozen=True)
class GroupRows:
    """Rows that may be compared, best UAR first, with notes about all of them.

    Attributes:
        counted: how often the test set was evaluated, by entries that are no longer there, too.
        power: the difference that the test set can show; None if nothing is compared.
    """

    group: Group
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    references: tuple[ReferenceRow, ...] = ()
    counted: Counted = field(default_factory=Counted)
    power: DetectableDifference | None = None

    @property
    def heading(self) -> str:
        """The title, with the number of entries, studies and split seeds, and a baseline that nothing has passed."""
        return " - ".join(filter(None, (self.title, self.tested, self.below)))

    @property
    def below(self) -> str:
        """Which plain baseline is above the selected entry, in words; '' if none is, or if speakers are shared."""
        plain = [one for one in self.references if one.name in BASELINES and one.uar is not None]
        best = max(plain, key=lambda one: one.uar or 0.0, default=None)
        selected = next((row for row in self.rows if row.selected), None)
        if best is None or best.uar is None or selected is None or selected.uar is None or selected.shares_speakers:
            return ""
        if selected.uar >= best.uar:
            return ""
        return f"the selected entry is below a baseline: {best.title}, {100 * best.uar:.1f} % UAR"

    @property
    def tested(self) -> str:
        """How many entries of how many studies were evaluated on this test set, in words."""
        many = self.counted
        what = f"{_plural(many.entries, 'entry', 'entries')} of {_plural(many.studies, 'study', 'studies')}"
        seeds = _plural(many.split_seeds, "split seed", "split seeds")
        runs = _plural(many.evaluations, "evaluation", "evaluations")
        again = [f"{count} by {name}" for count, name in ((many.audits, "audits"), (many.replays, "replays")) if count]
        more = f", {' and '.join(again)}" if again else ""
        return f"tested so far: {what} ({runs}{more}) under {seeds}"


def _plural(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def make_row(tested: ScoredEntry, *, selected: bool, interval: Interval | None) -> Row:
    """Makes an entry's row without rank and tie group, which depend on the other rows."""
    source = RowSource(tested, selected, interval)
    return Row(**{name: one.value(source) for name, one in COLUMNS.items()})
