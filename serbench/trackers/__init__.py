"""Copies studies into experiment trackers (MLflow, TensorBoard, Weights & Biases), from records alone and one way.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.trackers.push import push_study
    from serbench.trackers.registry import get_tracker, tracker_names
    from serbench.trackers.runs import PushedRun, study_runs
    from serbench.trackers.tracker import Pushed, Tracker
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "push": ("push_study",),
            "registry": (
                "get_tracker",
                "tracker_names",
            ),
            "runs": (
                "PushedRun",
                "study_runs",
            ),
            "tracker": (
                "Pushed",
                "Tracker",
            ),
        },
    )

__all__ = [
    "Pushed",
    "PushedRun",
    "Tracker",
    "get_tracker",
    "push_study",
    "study_runs",
    "tracker_names",
]
