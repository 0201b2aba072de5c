"""`SoleWriterStorage`: Optuna's database for the one process that writes to it.

Whenever a pruner or a sampler looks at the history, Optuna's own cache reads every unfinished trial again, with its
learning curve. That is right if other processes may write, but with many workers it is most of a coordinator's work. A
study has one coordinator, guarded by a lock. So this storage writes to the database first and then to memory, and reads
from memory.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable, Container, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

__all__ = ["SoleWriterStorage"]


class SoleWriterStorage(BaseStorage):
    """Writes through to a database and reads from memory.

    A trial that was handed out never changes afterwards; a change makes a new object, as in Optuna's in-memory storage.

    Args:
        backend: the database. A study is read from it when it is first needed.
    """

    def __init__(self, backend: RDBStorage) -> None:
        self._backend = backend
        self._trials: dict[int, list[FrozenTrial]] = {}
        self._places: dict[int, tuple[int, int]] = {}
        self._names: dict[int, str] = {}
        self._directions: dict[int, list[StudyDirection]] = {}
        self._distributions: dict[tuple[int, str], BaseDistribution] = {}

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Creates a study."""
        return self._backend.create_new_study(directions, study_name)

    def delete_study(self, study_id: int) -> None:
        """Deletes a study."""
        self._backend.delete_study(study_id)
        for trial in self._trials.pop(study_id, []):
            del self._places[trial._trial_id]
        self._names.pop(study_id, None)
        self._directions.pop(study_id, None)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Sets an attribute of a study."""
        self._backend.set_study_user_attr(study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Sets an attribute of a study for Optuna's own use."""
        self._backend.set_study_system_attr(study_id, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Returns the id of a study."""
        return self._backend.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Returns the name of a study."""
        if study_id not in self._names:
            self._names[study_id] = self._backend.get_study_name_from_id(study_id)
        return self._names[study_id]

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Returns the directions of a study."""
        if study_id not in self._directions:
            self._directions[study_id] = self._backend.get_study_directions(study_id)
        return self._directions[study_id]

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Returns the attributes of a study."""
        return self._backend.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Returns the attributes of a study for Optuna's own use."""
        return self._backend.get_study_system_attrs(study_id)

    def get_all_studies(self) -> list[Any]:
        """Returns all studies of the database."""
        return self._backend.get_all_studies()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Creates a trial, in state RUNNING unless the template has another state."""
        trials = self._trials_of(study_id)
        trial_id = self._backend.create_new_trial(study_id, template_trial)
        trial = self._backend.get_trial(trial_id)
        if trial.number != len(trials):
            raise optuna.exceptions.StorageInternalError("another process writes to this study")
        self._keep(study_id, trial)
        return trial_id

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Sets a parameter."""
        self._loaded(trial_id)
        self._backend.set_trial_param(trial_id, param_name, param_value_internal, distribution)
        value = distribution.to_external_repr(param_value_internal)
        known = self._known(self._places[trial_id][0], param_name, distribution)

        def change(trial: FrozenTrial) -> None:
            trial.params = {**trial.params, param_name: value}
            trial.distributions = {**trial.distributions, param_name: known}

        self._change(trial_id, change)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Changes the state of a trial. Returns False if it should start running and is not waiting."""
        self._loaded(trial_id)
        if not self._backend.set_trial_state_values(trial_id, state, values):
            return False

        def change(trial: FrozenTrial) -> None:
            trial.state = state
            if values is not None:
                trial.values = list(values)
            if state == TrialState.RUNNING:
                trial.datetime_start = datetime.datetime.now()
            if state.is_finished():
                trial.datetime_complete = datetime.datetime.now()

        self._change(trial_id, change)
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Records an intermediate score."""
        self._loaded(trial_id)
        self._backend.set_trial_intermediate_value(trial_id, step, intermediate_value)

        def change(trial: FrozenTrial) -> None:
            trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}

        self._change(trial_id, change)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Sets an attribute of a trial."""
        self._loaded(trial_id)
        self._backend.set_trial_user_attr(trial_id, key, value)

        def change(trial: FrozenTrial) -> None:
            trial.user_attrs = {**trial.user_attrs, key: value}

        self._change(trial_id, change)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Sets an attribute of a trial for Optuna's own use."""
        self._loaded(trial_id)
        self._backend.set_trial_system_attr(trial_id, key, value)

        def change(trial: FrozenTrial) -> None:
            trial.system_attrs = {**trial.system_attrs, key: value}

        self._change(trial_id, change)

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Returns the id of a trial with this number."""
        trials = self._trials_of(study_id)
        if trial_number >= len(trials):
            raise KeyError(f"No trial with trial number {trial_number} exists in study with study_id {study_id}.")
        return trials[trial_number]._trial_id

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Returns the current state of a trial."""
        return self._loaded(trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Returns the trials of a study by number."""
        known = self._trials_of(study_id)
        trials = list(known) if states is None else [trial for trial in known if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def remove_session(self) -> None:
        """Ends the database session of this thread."""
        self._backend.remove_session()

    def _trials_of(self, study_id: int) -> list[FrozenTrial]:
        """Returns the trials by number. Reads the study first if that has not been done."""
        if study_id not in self._trials:
            trials = self._backend.get_all_trials(study_id, deepcopy=False)
            self._trials[study_id] = []
            for trial in sorted(trials, key=lambda trial: trial.number):
                self._keep(study_id, trial)
        return self._trials[study_id]

    def _loaded(self, trial_id: int) -> FrozenTrial:
        if trial_id not in self._places:
            for study in self._backend.get_all_studies():
                self._trials_of(study._study_id)
        if trial_id not in self._places:
            raise KeyError(f"No trial with trial_id {trial_id} exists.")
        study_id, number = self._places[trial_id]
        return self._trials[study_id][number]

    def _keep(self, study_id: int, trial: FrozenTrial) -> None:
        """Stores the next trial. Equal distributions share one object, to save most of a trial's memory."""
        trial.distributions = {name: self._known(study_id, name, it) for name, it in trial.distributions.items()}
        self._places[trial._trial_id] = (study_id, trial.number)
        self._trials[study_id].append(trial)

    def _known(self, study_id: int, name: str, distribution: BaseDistribution) -> BaseDistribution:
        known = self._distributions.setdefault((study_id, name), distribution)
        return known if known == distribution else distribution

    def _change(self, trial_id: int, change: Callable[[FrozenTrial], None]) -> None:
        study_id, number = self._places[trial_id]
        trial = copy.copy(self._trials[study_id][number])
        change(trial)
        self._trials[study_id][number] = trial
