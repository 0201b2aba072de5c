"""The schemas of a study, its trials and its entries. Scores are fractions (0-1), durations are seconds.

A trial's predictions are in `predictions.parquet` beside its record. There is one row for each clip and subset, with
`clip_id`, `subset`, `label` (the true one) and one probability column `p_<label>` for each label.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from serbench.records.base import FileName, FrozenModel, Record, columns_of, rows_of
from serbench.records.states import STATES, TrialState

__all__ = [
    "AskedBudget",
    "CorpusFacts",
    "EntryRecord",
    "Environment",
    "EpochMetrics",
    "ExcludedClip",
    "Finals",
    "HeardClips",
    "InitFrom",
    "JobKind",
    "LabelSource",
    "ModelCost",
    "Precision",
    "ProtocolFacts",
    "ReportedScores",
    "Scores",
    "ShortlistRecord",
    "StudyRecord",
    "Subset",
    "TaughtBy",
    "TrialRecord",
    "WarmStart",
]

JobKind = Literal["search", "refit", "probe", "fold"]
"""`search`: a trial. `refit`: a finalist trained again. `probe`: a short fit that decides which trials run first.
`fold`: a shortlisted configuration, trained without the clips of one fold."""

Finals = Literal["held-out", "all"]
"""What final runs train on. `held-out`: the training set, and the best epoch is chosen on the validation core. `all`:
every clip that is not in the test core, for the length that cross-validation found."""

LabelSource = Literal["intended", "perceived"]
"""`intended`: the corpus's own labels. `perceived`: the majority vote of its listeners."""

Precision = Literal["float32", "bfloat16"]
"""What a model is trained in. `bfloat16`: convolutions and dense layers multiply in it, weights stay in float32."""

Subset = Literal["train", "validation", "test", "test_rest"]
"""`validation` and `test` are the protocol's cores. `test_rest` is what a ratio adds to the test core."""


_Count = Annotated[int, Field(ge=0, le=2**63)]  # tables cannot print every number that somebody else's record may hold
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]  # nor can figures place every number
_Time = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]  # below 0 where a clock was set back


class Environment(FrozenModel):
    """The machine and software of a run. It holds no host name, user name or path."""

    serbench: str
    python: str
    platform: str
    cpu: str
    cores: int
    memory_gib: float
    backend: str
    packages: dict[str, str]
    git_revision: str | None = None

    def computes_like(self, other: Environment) -> bool:
        """Whether nothing differs that a score could depend on. How much memory there is plays no part."""
        return self == other.model_copy(update={"memory_gib": self.memory_gib})


class ExcludedClip(FrozenModel):
    """A clip that the study does not use, and the reason (`silent`, `undecodable`, ...)."""

    clip_id: str
    reason: str


class CorpusChoice(FrozenModel):
    """How to build a corpus that has no module of its own. Where its files are is not part of it."""

    name: str
    parts: tuple[str, ...] = Field(
        min_length=1, description="corpora by name, or one of 'folder', 'table', 'audformat'"
    )
    test: str | None = Field(default=None, description="the corpus that is the test set; the others are trained on")
    names: str | None = Field(default=None, description="pattern of file names")
    own: dict[str, Literal["folder", "table", "audformat"]] = Field(
        default_factory=dict, description="kind ('folder', 'table', 'audformat') of each part that is given by its path"
    )
    apart: bool = Field(default=False, description="the audio is not below the table, but in a folder of its own")
    map: dict[str, str] = Field(default_factory=dict, description="new label by old label")
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class CorpusFacts(FrozenModel):
    """What a reader must know about the corpus to judge a score."""

    name: str
    title: str
    synthetic: bool
    licence: str
    licence_url: str = ""
    citation: str = ""
    labels: tuple[str, ...]
    label_source: LabelSource = Field(default="intended", description="what the speaker meant or listeners heard")
    clips: int
    speakers: int
    choice: CorpusChoice | None = None
    digest: FileName = Field(description="digest of clip ids, labels, speakers and decoded audio")
    votes: str | None = Field(default=None, description="digest of the listeners' votes, where training may use them")
    excluded: tuple[ExcludedClip, ...] = ()
    warnings: tuple[str, ...] = ()


class SubsetFacts(FrozenModel):
    """What one set of a split is made of."""

    part: str = Field(description="'train', 'validation', 'test', or 'left out' for clips that are in none of these")
    clips: int
    speakers: int | None = Field(description="None where speakers are not known")
    speakers_per_sex: dict[str, int] = Field(description="speakers by 'female', 'male' and 'unknown'")
    clips_per_label: dict[str, int] = Field(description="clips of every class, 0 for one that is absent")


class ProtocolFacts(FrozenModel):
    """How the clips were split, and what that means for a score."""

    name: str
    hash: FileName
    split_seed: int
    test_core: str = Field(description="percent of the clips, e.g. '20'")
    validation_core: str
    shares_speakers: bool
    speaker_normalisation: bool = Field(
        default=False, description="features were normalised by all clips of each speaker, test clips included"
    )
    least_validation: int = Field(
        default=1, ge=1, description="fewest validation speakers of a fold of a folded protocol, if there are enough"
    )
    every_class: bool = Field(default=False, description="whether every core had to have every class")
    counts_validation: bool = Field(
        default=False,
        description="whether shares_speakers is about all clips outside the test core, which final runs train on; in "
        "older records it is about the training set",
    )
    reordered: bool = Field(
        default=False, description="another order than the seed's first, which lacked a class in a core"
    )
    subsets: tuple[SubsetFacts, ...] = Field(default=(), description="clips, speakers and classes of each set")
    fold: int = Field(default=0, ge=0)
    folds: int = Field(default=1, ge=1)
    train_speakers: int
    validation_speakers: int
    test_speakers: int
    validation_clips: int
    test_clips: int
    warnings: tuple[str, ...] = ()


class EpochMetrics(FrozenModel):
    """One epoch, as the training process reports it. `loss` and `accuracy` are on the (augmented) training batches.

    The validation scores are None in a fit that holds no clip back. In a fit of a fold they are on the fold's clips.
    """

    epoch: _Count
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: _Share | None
    val_uar: _Share | None
    learning_rate: float
    seconds: _Time


class Scores(FrozenModel):
    """Scores on one subset. `uar` is None if the subset has no clip of some class."""

    clips: int
    accuracy: _Share
    uar: _Share | None
    macro_f1: _Share


class ModelCost(FrozenModel):
    """The cost of one prediction, and the size of the model file."""

    multiply_accumulates: _Count | None = Field(
        description="of one clip's forward pass; null where a layer cannot be counted"
    )
    model_bytes: _Count = Field(description="of the model's file, most of an exported bundle")
    model_ms: _Time = Field(description="forward pass, one clip on one core, median")
    features_ms: _Time | None = Field(
        default=None, description="front end, one clip on one core of the coordinator's machine; decoding left out"
    )


class WarmStart(FrozenModel):
    """Configurations that a study tries first, because they were good in an earlier study."""

    study: str
    configs: dict[str, dict[str, Any]] = Field(description="by their job id in that study")


class HeardClips(FrozenModel):
    """Clips that a network may have been trained on or chosen by: all of a corpus outside one test core."""

    study: str
    corpus: str
    parts: tuple[str, ...] = Field(description="the corpora that `corpus` consists of, by name")
    digest: str = Field(description="digest of the corpus")
    protocol: str = Field(description="hash of the protocol, which decides the test core")
    fold: int = 0


class InitFrom(FrozenModel):
    """The trained network whose weights every fit of a study starts from."""

    entry: str = Field(description="as the command names it; of a bundle, the entry that was exported")
    bundle: bool = Field(default=False, description="whether it was read from a bundle")
    study: str
    refit: str = Field(description="the run of the entry")
    family: str
    labels: tuple[str, ...]
    sha256: str = Field(description="of the model's file")
    heard: tuple[HeardClips, ...] = Field(description="its own clips first, then those of networks that it began from")


class TaughtBy(FrozenModel):
    """The out-of-fold answers that every fit of a study learns from."""

    entry: str = Field(description="as the command names it")
    study: str
    trial: str = Field(description="the answers are shortlist/<trial>.parquet of that study")
    answers: str = Field(description="digest of the answers")
    share: float = Field(gt=0, le=1, description="part of each training label that the answers get")
    heard: tuple[HeardClips, ...] = Field(default=(), description="clips of networks that the teacher began from")


class AskedBudget(FrozenModel):
    """The budget of the last search, as asked for. `workers` and `threads` are None if left to serbench."""

    trials: int = Field(description="total that count, earlier runs included")
    probes: int
    finalists: int
    repeats: int
    shortlist: int = Field(default=0, description="configurations fitted again by cross-validation")
    finals: Finals | None = Field(default=None, description="None where the shortlist decides")
    workers: int | None = None
    threads: int | None = None


def _described(space: dict[str, Any]) -> dict[str, Any]:
    """Refuses a described space whose tables are none: it may have been written by somebody else."""
    tables = [space.get("parameters", {}), space.get("training", {})]
    if not all(isinstance(table, dict) for table in tables):
        raise ValueError("parameters and training must be tables")
    if not all(isinstance(dimension, dict) for dimension in tables[0].values()):
        raise ValueError("each parameter must be a table")
    return space


class StudyRecord(Record):
    """`studies/<name>/study.json`: one search space on one corpus under one protocol (one fold of it)."""

    name: str
    run: str = Field(description="the `--study` name; a run has one study per space and fold")
    family: str
    space_name: str
    space_hash: str
    space_text: str = Field(description="the space file as it was")
    space: Annotated[dict[str, Any], AfterValidator(_described)] = Field(description="what the hash is computed from")
    corpus: CorpusFacts
    protocol: ProtocolFacts
    features: dict[str, Any]
    feature_shape: tuple[int, ...]
    objective: str = "uar"
    seed: int = Field(ge=0, description="of the search; its folds share it")
    draws_by_fold: bool = Field(
        default=False,
        description="whether the folds of a folded protocol draw independently; those of older records tried the same "
        "configurations, from the same weights",
    )
    late_kicks: bool = Field(
        default=True,
        description="whether fits without validation clips are kicked (`escape`) until their end, as those of older "
        "records were",
    )
    sampler: dict[str, Any]
    pruner: dict[str, Any]
    environment: Environment = Field(description="in which it was begun")
    later_environments: tuple[Environment, ...] | None = Field(
        default=None, description="in which it went on, where they differ; None in older records, too"
    )
    precision: Precision = Field(default="float32", description="of training; predictions are always of float32")
    identity: str | None = Field(default=None, description="marks its trials in a database shared with others")
    parent: str | None = Field(default=None, description="the study it was forked from")
    warm_start: WarmStart | None = None
    init: InitFrom | None = Field(default=None, description="the network that fits start from; None for random weights")
    teacher: TaughtBy | None = Field(default=None, description="the answers that fits learn from besides the labels")
    chosen_on: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="by enqueued configuration, the speakers of this corpus on whom it was chosen ('crema-d/1001')",
    )
    asked: AskedBudget | None = Field(default=None, description="by the last search; absent in older records")
    created: str

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the hyperparameters that vary, in the order of the space."""
        return tuple(name for name, dimension in self.space.get("parameters", {}).items() if "value" not in dimension)

    @property
    def drawing_fold(self) -> int | None:
        """The fold that takes part in all random draws; None where it takes none."""
        return self.protocol.fold if self.draws_by_fold else None


class TrialRecord(Record):
    """`trials/`, `probes/`, `folds/` or `refits/<job_id>/record.json`: one configuration, trained once.

    Where space matters, as in published studies, the file has `epochs` as columns: a list for each number, with one
    place an epoch, and none for the epochs' own numbers where they count from 0.
    """

    SCHEMA: ClassVar[int] = 3  # 3 may have columns without the epochs' numbers, 2 columns; 1 has rows

    study: str
    job_id: FileName
    kind: JobKind
    number: int | None = Field(default=None, description="Optuna's number; None for a refit and in a fork")
    attempt: int = Field(default=0, description="number of earlier, interrupted attempts")
    origin: str | None = Field(default=None, description="where the configuration comes from, if not from the sampler")
    fold: int | None = Field(default=None, description="of the cross-validation, from 1; None for other fits")
    state: TrialState
    value: _Share | None = Field(
        default=None, description="the objective on the validation core, best epoch; of a fold, on the fold's clips"
    )
    config: dict[str, Any]
    seed: int
    threads: int | None = Field(default=None, description="compute threads of the training process")
    train_clips: _Count = 0
    epochs: tuple[EpochMetrics, ...] = ()
    best_epoch: _Count | None = None
    scores: dict[str, Scores] = Field(default_factory=dict)
    digests: dict[str, str] | None = Field(
        default=None, description="of the predictions, by subset; None in older records and without predictions"
    )
    parameters: _Count | None = None
    copied_parameters: _Count | None = Field(
        default=None, description="copied from the study's `init`; None without one"
    )
    cost: ModelCost | None = Field(default=None, description="of a refit")
    seconds: dict[str, _Time] = Field(default_factory=dict, description="wall time by part")
    peak_memory_mib: float | None = None
    error: str | None = None
    error_kind: str | None = None
    started: str
    finished: str

    @field_validator("epochs", mode="before")
    @classmethod
    def _rows(cls, value: Any) -> Any:
        if isinstance(value, dict) and "epoch" not in value and isinstance(losses := value.get("loss"), list):
            value = {"epoch": list(range(len(losses))), **value}
        return rows_of(value)

    def compacted(self, content: dict[str, Any]) -> dict[str, Any]:
        """Turns the epochs into columns: see `Record.compacted`."""
        if not (rows := content["epochs"]):
            return content
        columns = columns_of(rows)
        if isinstance(columns, dict) and columns["epoch"] == list(range(len(rows))):
            del columns["epoch"]
        return content | {"schema_version": self.SCHEMA, "epochs": columns}

    @property
    def counts(self) -> bool:
        """Whether the trial counts towards the trial budget."""
        return STATES[self.state].counts

    @property
    def lasting_s(self) -> float:
        """Wall time in seconds without the wait for features, which later fits find in the cache; 0 if unknown."""
        return max(0.0, self.seconds.get("total", 0.0) - self.seconds.get("features", 0.0))

    @property
    def best_uar(self) -> float | None:
        """Highest validation UAR of an epoch; None if no epoch was judged."""
        return max((one.val_uar for one in self.epochs if one.val_uar is not None), default=None)


class ShortlistRecord(Record):
    """`shortlist/<job_id>.json`: what cross-validation over all clips outside the test core said of a configuration.

    Beside it lie the out-of-fold answers, `<job_id>.parquet`: one row for each clip, with `clip_id`, `fold`, `label`
    and one probability column `p_<label>` for each label. Each answer is by the network that never heard the clip, nor
    its speaker where the protocol keeps speakers apart.
    """

    study: str
    job_id: FileName = Field(description="of the trial that the configuration comes from")
    origin: str
    config: dict[str, Any]
    search_value: float = Field(description="validation score of the trial")
    folds: tuple[str, ...] = Field(description="job ids under folds/, all completed")
    epochs: int = Field(description="length at which the out-of-fold score is highest; final runs train as long")
    learning_rates: tuple[float, ...] = Field(
        default=(), description="of each epoch, median over folds; empty where the schedule is known beforehand"
    )
    curve: tuple[float, ...] = Field(description="out-of-fold score after each epoch")
    scores: Scores = Field(description="of the out-of-fold answers after `epochs` epochs")
    value: float = Field(description="the objective of these answers; it decides between configurations")
    digest: str | None = Field(default=None, description="of these answers; None in older records")
    answers_kept: bool = Field(
        default=True, description="whether they lie beside this; a published study has those of its entries alone"
    )
    created: str


class ReportedScores(FrozenModel):
    """Scores that somebody else reported for a configuration, in percent."""

    train_accuracy: float | None = Field(default=None, ge=0, le=100)
    validation_accuracy: float | None = Field(default=None, ge=0, le=100)
    test_accuracy: float | None = Field(default=None, ge=0, le=100)
    test_uar: float | None = Field(default=None, ge=0, le=100)
    source: str = Field(default="", description="where the scores were published")


class EntryRecord(Record):
    """`entries/<entry_id>.json`: a finalist that was evaluated on the test set. A row of the leaderboard."""

    entry_id: FileName
    study: str
    family: str
    origin: str = Field(description="'trial 12', or the name of a configuration that was enqueued by name")
    forced: bool = Field(default=False, description="made a finalist by the space file, not by validation")
    config: dict[str, Any]
    reported: ReportedScores | None = Field(default=None, description="scores that somebody else reported for it")
    search_value: float | None = Field(description="validation score of the trial that it comes from")
    shortlisted: str | None = Field(default=None, description="job id under shortlist/, if cross-validation judged it")
    out_of_fold: float | None = Field(default=None, description="score of the out-of-fold answers; decides `selected`")
    finals: Finals = Field(default="held-out", description="what its runs were trained on")
    bag: int = Field(default=0, description="fold models whose answers are averaged; 0 for a single network")
    refits: tuple[str, ...] = Field(description="job ids under refits/, all completed")
    failed_refits: tuple[str, ...] = ()
    members: tuple[str, ...] = Field(
        default=(), description="of an ensemble: the entries whose predictions are averaged"
    )
    looks: int = Field(description="evaluations of the test set by the runs of this entry")
    created: str
