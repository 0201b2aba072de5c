"""`SearchRequest`: a search as the user asks for it. Each option is declared here, once.

The command line, its help and the range checks are built from these declarations, and `SearchPlan` has the same
settings. Importing this module loads nothing heavy.
"""

from __future__ import annotations

import operator
import re
from dataclasses import Field, dataclass, field, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

from serbench.errors import UsageError
from serbench.protocols import protocols_help

__all__ = [
    "DEFAULT_RESULTS",
    "Option",
    "Panel",
    "SearchRequest",
    "SearchSettings",
    "option_of",
    "request_options",
    "seconds_of",
]

DEFAULT_RESULTS = Path("results")

_LONGEST_S = 100 * 365 * 24 * 3600
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


class Panel(Enum):
    """Groups of options, in the order in which the help shows them."""

    data = "Data"
    split = "Split and test"
    budget = "Budget"
    search = "Search"
    compute = "Compute"
    output = "Output"


@dataclass(frozen=True)
class Option:
    """How an option appears on the command line.

    Attributes:
        help: one line.
        panel: the group in which the help shows it.
        flags: its spellings, the main one first; empty for the field's name with hyphens.
        metavar: placeholder for its value in the help.
        envvar: environment variable that is read if the option is not given.
        least: smallest allowed value of an integer.
        parser: converts the text if the type alone does not say how.
    """

    help: str
    panel: Panel
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    envvar: str | None = None
    least: int | None = None
    parser: Any = None


def _option(panel: Panel, text: str, *flags: str, **more: Any) -> dict[str, Option]:
    return {"option": Option(text, panel, flags, **more)}


def option_of(declared: Field[Any]) -> Option:
    """Returns the option of a request's field, with its flag filled in."""
    option: Option = declared.metadata["option"]
    flags = option.flags or (f"--{declared.name.replace('_', '-')}",)
    return replace(option, flags=flags)


def seconds_of(text: str) -> float:
    """Converts a duration such as `90`, `90s`, `15m` or `1h30m` to seconds.

    >>> seconds_of("90"), seconds_of("15m"), seconds_of("1h30m")
    (90.0, 900.0, 5400.0)

    Raises:
        UsageError: the text is not a duration.
    """
    plain = text.strip().lower()
    match = _DURATION.fullmatch(f"{plain}s" if plain[-1:].isdigit() and not {"h", "m"} & set(plain) else plain)
    if not match or not any(match.groups()):
        raise UsageError(f"--time '{text}' is not a duration; write for example 90, 15m or 1h30m")
    seconds = sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
    if seconds > _LONGEST_S:
        raise UsageError(f"--time '{text[:40]}' is over a hundred years; leave --time out for no limit")
    return seconds


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """The settings that a request and a plan share.

    Attributes:
        labels: source of the labels: intended by the speaker, or perceived by the listeners.
        protocol: name of the protocol; None for the one each space names. The cores come from each space.
        split_seed: seed of the split, independent of the training seed.
        trials: total number of trials per space that count, earlier runs included; None for the space's budget.
        seconds: time limit of the command, refits included as far as their time can be predicted.
        shortlist: number of configurations compared by cross-validation; None for the space's budget.
        finalists: number of configurations to refit and test; None for the space's budget.
        repeats: refits of each finalist; None for the space's budget.
        finals: what final runs train on, `all` or `held-out`; None for the space's budget.
        probes: number of short fits that choose what to try first; None for the space's budget.
        run: name of the run; None for a derived name.
        seed: seed of sampling and training.
        sampler: name of the sampler; None for that of the study if it exists, else `DEFAULT_SAMPLER`.
        pruner: name of the pruner.
        warm_start: study in the same results folder whose best configurations are tried first.
        init: entry in the same results folder, or folder of a bundle, whose weights every fit starts from.
        teacher: entry in the same results folder whose out-of-fold answers every fit learns from.
        workers: trials side by side; None for the number that CPU cores, memory and trials allow.
        threads: compute threads of each fit; None divides the CPU cores among the workers.
        backend: Keras backend; None for the default.
        precision: what models are trained in: float32, bfloat16, or `auto` for what the hardware is fast at.
        cluster: address of a Dask scheduler, or `local`; None runs the fits in child processes.
        storage: address of a PostgreSQL database; None for a file in each study's folder.
        results: folder that everything is written to.
    """

    labels: str = field(
        default="intended",
        metadata=_option(Panel.data, "Label source: intended (by the speaker) or perceived (by most listeners)."),
    )
    protocol: str | None = field(
        default=None,
        metadata=_option(
            Panel.split,
            f"{protocols_help()}.  [default: as the space says, else speaker]",
        ),
    )
    split_seed: int = field(
        default=0, metadata=_option(Panel.split, "Seed of the split; another seed gives another test set.", least=0)
    )
    trials: int | None = field(
        default=None,
        metadata=_option(
            Panel.budget, "Total trials per space, earlier runs included.  [default: as the space says]", least=1
        ),
    )
    seconds: float | None = field(
        default=None,
        metadata=_option(
            Panel.budget,
            "Time limit of the command, e.g. 90, 15m, 1h30m.",
            "--time",
            "--timeout",
            metavar="DURATION",
            parser=seconds_of,
        ),
    )
    shortlist: int | None = field(
        default=None,
        metadata=_option(
            Panel.budget,
            "Best configurations to compare by cross-validation over all clips outside the test set; 0 for none.  "
            "[default: as the space says, else 5]",
            least=0,
        ),
    )
    finalists: int | None = field(
        default=None,
        metadata=_option(
            Panel.budget, "Best configurations to retrain and test.  [default: as the space says]", least=0
        ),
    )
    repeats: int | None = field(
        default=None,
        metadata=_option(Panel.budget, "Seeds per finalist for retraining.  [default: as the space says]", least=1),
    )
    finals: str | None = field(
        default=None,
        metadata=_option(
            Panel.budget,
            "Final runs train on all clips outside the test set, or leave the validation clips out: all or held-out.  "
            "[default: as the space says, else all with a shortlist]",
        ),
    )
    probes: int | None = field(
        default=None,
        metadata=_option(
            Panel.budget,
            "Cheap start: number of short fits that choose what to try first.  [default: as the space says, else none]",
            least=0,
        ),
    )
    run: str | None = field(
        default=None, metadata=_option(Panel.search, "Name of the run; the same name resumes it.", "--study")
    )
    seed: int = field(default=0, metadata=_option(Panel.search, "Seed of sampling and training.", least=0))
    sampler: str | None = field(
        default=None,
        metadata=_option(
            Panel.search,
            "prior (near known configurations), tpe, random, or gp (an extra).  [default: the study's, else prior]",
        ),
    )
    pruner: str = field(default="percentile", metadata=_option(Panel.search, "percentile, median, hyperband or none."))
    warm_start: str | None = field(
        default=None,
        metadata=_option(Panel.search, "Try the best configurations of an earlier study first.", metavar="STUDY"),
    )
    init: str | None = field(
        default=None,
        metadata=_option(
            Panel.search, "Start every fit from the weights of a trained network.", metavar="ENTRY|BUNDLE"
        ),
    )
    teacher: str | None = field(
        default=None,
        metadata=_option(
            Panel.search, "Distil: learn from an entry's out-of-fold answers besides the labels.", metavar="ENTRY"
        ),
    )
    workers: int | None = field(
        default=None,
        metadata=_option(Panel.compute, "Trials side by side.  [default: by CPU cores, memory and trials]", least=1),
    )
    threads: int | None = field(
        default=None,
        metadata=_option(
            Panel.compute, "Compute threads of each trial.  [default: CPU cores divided among workers]", least=1
        ),
    )
    backend: str | None = field(
        default=None, metadata=_option(Panel.compute, "Keras backend: tensorflow, jax or torch.")
    )
    precision: str = field(
        default="auto",
        metadata=_option(
            Panel.compute, "Precision of training: auto (bfloat16 where the hardware multiplies it), float32, bfloat16."
        ),
    )
    cluster: str | None = field(
        default=None,
        metadata=_option(Panel.compute, "Run trials on a Dask cluster: tcp://HOST:8786, or local for one made here."),
    )
    storage: str | None = field(
        default=None,
        metadata=_option(Panel.compute, "Keep Optuna's studies in postgresql://... .", envvar="SERBENCH_STORAGE"),
    )
    results: Path = field(
        default=DEFAULT_RESULTS, metadata=_option(Panel.output, "Folder of results.", envvar="SERBENCH_RESULTS")
    )

    def check_ranges(self) -> None:
        """Checks that numbers are numbers, and that none is too small.

        Raises:
            UsageError: one is not. The message begins with its option.
        """
        for declared in fields(self):
            if "option" not in declared.metadata:
                continue
            option, value = option_of(declared), getattr(self, declared.name)
            if option.least is not None and value is not None:
                _check_whole(option.flags[0], value, option.least)
        if self.seconds is not None and not 0 < self.seconds <= _LONGEST_S:
            limit = "must be above 0 seconds" if not self.seconds > 0 else "is over a hundred years"
            raise UsageError(f"--time {limit}, got {self.seconds:g}")


@dataclass(frozen=True, kw_only=True)
class SearchRequest(SearchSettings):
    """A search as the user asks for it, on the command line or through the record of a study to repeat.

    Nothing in it is loaded or checked yet; `SearchPlan.of` does both.

    Attributes:
        spaces: names or files of spaces; empty for the default spaces of the corpus.
        corpus: a corpus name, several as `a+b`, a folder or a table.
        data: folder of the corpus, or of the audio of a table; None for its default folder.
        label_map: renamed labels, each `old=new`, or the name of a label set.
        drop: labels to leave out.
        file_names: pattern of the file names in a folder or table.
        test_corpus: corpus to test on; all other clips are for training and validation.
        split_ratio: one split for all trials, such as `72/8/20`; None for what each space says.
        epochs: largest number of epochs of a fit; None for what each space says.
        max_params: largest number of parameters of a model; None for what each space says.
    """

    spaces: tuple[str, ...] = ()
    corpus: str = field(
        default="demo",
        metadata=_option(
            Panel.data,
            "A name (see `serbench corpus list`), a folder with a folder per class, a table, or several as a+./b.",
        ),
    )
    data: Path | None = field(
        default=None,
        metadata=_option(
            Panel.data, "Folder where the corpus lies, or the audio of a table; the demo corpus makes itself."
        ),
    )
    label_map: tuple[str, ...] = field(
        default=(),
        metadata=_option(
            Panel.data, "Rename labels, e.g. joy=happiness; or use a set: big6, four.", "--map", metavar="OLD=NEW|SET"
        ),
    )
    drop: tuple[str, ...] = field(
        default=(), metadata=_option(Panel.data, "Labels to leave out, e.g. calm,surprise.", metavar="LABEL")
    )
    file_names: str | None = field(
        default=None,
        metadata=_option(
            Panel.data,
            "What file names hold, e.g. '{speaker}_*' or '{speaker}_{label:A=anger,N=neutral}_*'. Fixed widths and "
            "other codes: docs/own-corpora.md.",
            "--names",
            metavar="PATTERN",
        ),
    )
    test_corpus: str | None = field(
        default=None,
        metadata=_option(Panel.split, "Test on all of this corpus and train on --corpus.", metavar="NAME|PATH"),
    )
    split_ratio: str | None = field(
        default=None,
        metadata=_option(
            Panel.split,
            "Split of all trials in percent, training/validation/test, e.g. 72/8/20. It changes the test set, so its "
            "scores have a leaderboard of their own.",
            metavar="RATIO",
        ),
    )
    epochs: int | None = field(
        default=None,
        metadata=_option(Panel.budget, "Largest number of epochs of a fit, instead of the space's.", least=1),
    )
    max_params: int | None = field(
        default=None,
        metadata=_option(Panel.budget, "Larger models are not trained, and the sampler learns to avoid them.", least=1),
    )

    def argv(self) -> list[str]:
        """Returns the words of the command that makes this request. Default values are left out.

        >>> SearchRequest(spaces=("cnn1d",), corpus="emo-db", trials=20).argv()
        ['serbench', 'search', 'cnn1d', '--corpus', 'emo-db', '--trials', '20']
        """
        words = ["serbench", "search", *self.spaces]
        for declared in request_options():
            value = getattr(self, declared.name)
            if value != declared.default:
                for one in value if isinstance(value, tuple) else (value,):
                    words += [option_of(declared).flags[0], _written(one)]
        return words


def _check_whole(name: str, value: object, least: int) -> None:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{name} must be a whole number, got {value!r}") from None
    if number < least:
        raise UsageError(f"{name} must be at least {least}, got {number}")


def _written(value: Any) -> str:
    """A value as its option takes it. Large floats get no exponent, which a duration does not have."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def request_options() -> list[Field[Any]]:
    """Returns the fields of a request that are options, panel by panel, in reading order."""
    shared = {declared.name for declared in fields(SearchSettings)}
    options = sorted(
        (one for one in fields(SearchRequest) if "option" in one.metadata), key=lambda one: one.name in shared
    )
    return [declared for panel in Panel for declared in options if option_of(declared).panel is panel]
