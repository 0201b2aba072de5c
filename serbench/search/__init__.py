"""Hyperparameter search: plans, studies, the coordinator that hands out their jobs, and the engines that run them.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.search.command import placeholder_note, search_command
    from serbench.search.coordinator import Coordinator
    from serbench.search.engines.local import LocalEngine
    from serbench.search.fork import fork_study
    from serbench.search.jobs import JobMaker
    from serbench.search.observer import Observer
    from serbench.search.plan import SearchPlan
    from serbench.search.replay import replay_facts, replay_trial
    from serbench.search.request import DEFAULT_RESULTS, Panel, SearchRequest, option_of, request_options, seconds_of
    from serbench.search.resources import WORKER_MIB, Resources
    from serbench.search.run_spaces import run_search
    from serbench.search.session import Session
    from serbench.search.studies.recorded import recorded_clips, recorded_space
    from serbench.search.studies.study import Study
    from serbench.search.study_observer import StudyObserver
    from serbench.search.study_state import CommandPlan, RunningFit, StudyState
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "command": (
                "placeholder_note",
                "search_command",
            ),
            "coordinator": ("Coordinator",),
            "engines.local": ("LocalEngine",),
            "fork": ("fork_study",),
            "jobs": ("JobMaker",),
            "observer": ("Observer",),
            "plan": ("SearchPlan",),
            "replay": (
                "replay_facts",
                "replay_trial",
            ),
            "request": (
                "DEFAULT_RESULTS",
                "Panel",
                "SearchRequest",
                "option_of",
                "request_options",
                "seconds_of",
            ),
            "resources": (
                "Resources",
                "WORKER_MIB",
            ),
            "run_spaces": ("run_search",),
            "session": ("Session",),
            "studies.recorded": (
                "recorded_clips",
                "recorded_space",
            ),
            "studies.study": ("Study",),
            "study_observer": ("StudyObserver",),
            "study_state": (
                "CommandPlan",
                "RunningFit",
                "StudyState",
            ),
        },
    )

__all__ = [
    "DEFAULT_RESULTS",
    "WORKER_MIB",
    "CommandPlan",
    "Coordinator",
    "JobMaker",
    "LocalEngine",
    "Observer",
    "Panel",
    "Resources",
    "RunningFit",
    "SearchPlan",
    "SearchRequest",
    "Session",
    "Study",
    "StudyObserver",
    "StudyState",
    "fork_study",
    "option_of",
    "placeholder_note",
    "recorded_clips",
    "recorded_space",
    "replay_facts",
    "replay_trial",
    "request_options",
    "run_search",
    "search_command",
    "seconds_of",
]
