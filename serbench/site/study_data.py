"""`StudyData`: the fits of a study for its page, and the importance of its hyperparameters."""

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
"""Importances are computed from this number of completed trials on."""


@dataclass(frozen=True)
class Control:
    """Baseline for the sampler: a random search of the same space on the same clips."""

    name: str
    trials: tuple[TrialRecord, ...]


@dataclass(frozen=True)
class StudyData:
    """A study's fits.

    Attributes:
        record: the study's record.
        trials: in the order of their ids.
        refits: in the order of their ids.
        space: the search space; None if this version of serbench cannot read it.
        control: a random search to compare with; None if there is none.
        unread_space: why there is no space; '' if there is one.
        others: probes and fits of folds.
    """

    record: StudyRecord
    trials: tuple[TrialRecord, ...]
    refits: tuple[TrialRecord, ...]
    space: SearchSpace | None
    control: Control | None
    unread_space: str = ""
    others: tuple[TrialRecord, ...] = ()

    @classmethod
    def of(cls, results: Results, study: LoadedStudy) -> StudyData:
        """Collects the data of one study of a results folder."""
        try:
            space, unread = recorded_space(study.folder, study.record), ""
        except SerbenchError as error:
            space, unread = None, str(error)
        fits = study.fits
        others = (*fits.probes, *fits.folds)
        return cls(study.record, fits.trials, fits.refits, space, _control(results, study.record), unread, others)

    @property
    def searched(self) -> list[str]:
        """Names of the searched hyperparameters."""
        return self.space.searched if self.space else []

    def is_log(self, name: str) -> bool:
        """Whether a hyperparameter is sampled on a logarithmic scale."""
        dimension = self.space.parameters.get(name) if self.space else None
        return bool(getattr(dimension, "log", False))

    def is_choice(self, name: str) -> bool:
        """Whether a hyperparameter is categorical."""
        return isinstance(self.space.parameters.get(name), Choice) if self.space else False

    @property
    def varied(self) -> list[str]:
        """Searched hyperparameters that were active with at least two values in completed trials."""
        scored = self.scored()
        return [
            name
            for name in self.searched
            if len({str(trial.config[name]) for trial in scored if self.is_active(trial, name)}) > 1
        ]

    def is_active(self, trial: TrialRecord, name: str) -> bool:
        """Whether a hyperparameter was active in a trial: some apply only together with others."""
        return name in trial.config and self.space is not None and self.space.parameters[name].active(trial.config)

    def scored(self) -> list[TrialRecord]:
        """Completed trials with a score."""
        return [trial for trial in self.trials if trial.state == "completed" and trial.value is not None]

    def importances(self) -> dict[str, float]:
        """Importance of each hyperparameter for reaching the best tenth of trials, in descending order; the sum is 1.

        Computed by PED-ANOVA (S. Watanabe, A. Bansal and F. Hutter, IJCAI 2023) over completed trials, for the
        hyperparameters that all of them have. Empty with fewer than `MIN_TRIALS` completed trials.
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
            and any(trial.state == "completed" and trial.value is not None for trial in study.trials)
        )
        if same:
            return Control(other.name, study.trials)
    return None
