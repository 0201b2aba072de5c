"""`StudyData`: the fits of a study as its page draws them, and what they say of the hyperparameters."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from serbench.errors import SerbenchError
from serbench.records import StudyRecord, TrialRecord
from serbench.results import LoadedStudy, Results
from serbench.search import recorded_space
from serbench.spaces import Choice, SearchSpace

__all__ = ["Control", "StudyData"]

MIN_TRIALS = 10
"""Under so many completed trials nothing is said of importance."""


@dataclass(frozen=True)
class Control:
    """A random search of the same space on the same cores, to compare the sampler with."""

    name: str
    trials: tuple[TrialRecord, ...]


@dataclass(frozen=True)
class StudyData:
    """A study's fits.

    Attributes:
        record: of the study.
        trials: in the order of their ids.
        refits: likewise.
        space: None where this serbench no longer reads it.
        control: the random search, where there is one.
        unread_space: why there is no space; '' where there is one.
    """

    record: StudyRecord
    trials: tuple[TrialRecord, ...]
    refits: tuple[TrialRecord, ...]
    space: SearchSpace | None
    control: Control | None
    unread_space: str = ""

    @classmethod
    def of(cls, results: Results, study: LoadedStudy) -> StudyData:
        """The data of one study of a results folder."""
        try:
            space, unread = recorded_space(study.folder, study.record), ""
        except SerbenchError as error:
            space, unread = None, str(error)
        fits = study.fits
        return cls(study.record, fits.trials, fits.refits, space, _control(results, study.record), unread)

    @property
    def searched(self) -> list[str]:
        """Hyperparameters that vary."""
        return self.space.searched if self.space else []

    def is_log(self, name: str) -> bool:
        """Whether a hyperparameter is drawn on a logarithmic scale."""
        dimension = self.space.parameters.get(name) if self.space else None
        return bool(getattr(dimension, "log", False))

    def is_choice(self, name: str) -> bool:
        """Whether a hyperparameter is one of several values."""
        return isinstance(self.space.parameters.get(name), Choice) if self.space else False

    @property
    def varied(self) -> list[str]:
        """Hyperparameters of which completed trials have at least two values; a say in the model or not."""
        scored = self.scored()
        return [
            name
            for name in self.searched
            if len({str(trial.config[name]) for trial in scored if self.is_active(trial, name)}) > 1
        ]

    def is_active(self, trial: TrialRecord, name: str) -> bool:
        """Whether a hyperparameter had a say in a trial."""
        return name in trial.config and self.space is not None and self.space.parameters[name].active(trial.config)

    def scored(self) -> list[TrialRecord]:
        """Completed trials."""
        return [trial for trial in self.trials if trial.state == "completed" and trial.value is not None]

    def importances(self) -> dict[str, float]:
        """How much each hyperparameter mattered for reaching the best tenth, the most first; shares of 1.

        PED-ANOVA (S. Watanabe, A. Bansal and F. Hutter, IJCAI 2023) over completed trials, of the hyperparameters
        that all of them have. Empty under `MIN_TRIALS` trials.
        """
        import optuna

        scored = self.scored()
        if self.space is None or len(scored) < MIN_TRIALS or len({trial.value for trial in scored}) < 2:
            return {}
        proposals = [self.space.proposals(trial.config) for trial in scored]
        common = [name for name in self.varied if all(name in one for one in proposals)]
        if not common:
            return {}
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(direction="maximize")
            for trial, params in zip(scored, proposals, strict=True):
                kept = {name: params[name] for name in common}
                study.add_trial(
                    optuna.trial.create_trial(
                        value=trial.value, params=kept, distributions=self.space.distributions(common)
                    )
                )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = optuna.importance.get_param_importances(study)
        finally:
            optuna.logging.set_verbosity(verbosity)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _control(results: Results, record: StudyRecord) -> Control | None:
    if record.sampler.get("name") == "random":
        return None
    for study in results.studies:
        other = study.record
        same = (
            other.sampler.get("name") == "random"
            and other.space_hash == record.space_hash
            and other.corpus.digest == record.corpus.digest
            and (other.protocol.hash, other.protocol.fold) == (record.protocol.hash, record.protocol.fold)
        )
        if same:
            return Control(other.name, study.trials)
    return None
