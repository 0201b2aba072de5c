"""The search: plans, the studies they make, the coordinator of their jobs and the engines that run these.

Names are loaded when first used, so that the options of a search can be read without Optuna and pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serbench.search.command import placeholder_note, search_command, search_request, shell_line
    from serbench.search.coordinator import Coordinator
    from serbench.search.fork import fork_study
    from serbench.search.jobs import JobMaker
    from serbench.search.observer import Observer
    from serbench.search.plan import SearchPlan
    from serbench.search.replay import replay_facts, replay_trial
    from serbench.search.request import SearchRequest
    from serbench.search.resources import Resources
    from serbench.search.run_spaces import run_search
    from serbench.search.session import Session
    from serbench.search.studies.recorded import (
        recorded_clips,
        recorded_plan,
        recorded_protocol,
        recorded_space,
    )
    from serbench.search.studies.study import Study
    from serbench.spaces.file import find_space, load_space, space_names
    from serbench.spaces.space import SearchSpace

__all__ = [
    "Coordinator",
    "JobMaker",
    "Observer",
    "Resources",
    "SearchPlan",
    "SearchRequest",
    "SearchSpace",
    "Session",
    "Study",
    "find_space",
    "fork_study",
    "load_space",
    "placeholder_note",
    "recorded_clips",
    "recorded_plan",
    "recorded_protocol",
    "recorded_space",
    "replay_facts",
    "replay_trial",
    "run_search",
    "search_command",
    "search_request",
    "shell_line",
    "space_names",
]

_HOMES = {
    "Coordinator": "search.coordinator",
    "JobMaker": "search.jobs",
    "Observer": "search.observer",
    "Resources": "search.resources",
    "SearchPlan": "search.plan",
    "SearchRequest": "search.request",
    "SearchSpace": "spaces.space",
    "Session": "search.session",
    "Study": "search.studies.study",
    "find_space": "spaces.file",
    "fork_study": "search.fork",
    "load_space": "spaces.file",
    "placeholder_note": "search.command",
    "recorded_clips": "search.studies.recorded",
    "recorded_plan": "search.studies.recorded",
    "recorded_protocol": "search.studies.recorded",
    "recorded_space": "search.studies.recorded",
    "replay_facts": "search.replay",
    "replay_trial": "search.replay",
    "run_search": "search.run_spaces",
    "search_command": "search.command",
    "search_request": "search.command",
    "shell_line": "search.command",
    "space_names": "spaces.file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"serbench.{_HOMES[name]}"), name)
