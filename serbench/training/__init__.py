"""Training: fits one configuration in one isolated process.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.training.backend import BACKENDS, choose_backend, import_keras, process_context
    from serbench.training.job import FitSettings, TrialJob, TrialOutcome, Verdict
    from serbench.training.seeds import SeedTree
    from serbench.training.source import FeatureSource
    from serbench.training.supervisor import JobControl, run_job
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "backend": (
                "BACKENDS",
                "choose_backend",
                "import_keras",
                "process_context",
            ),
            "job": (
                "FitSettings",
                "TrialJob",
                "TrialOutcome",
                "Verdict",
            ),
            "seeds": ("SeedTree",),
            "source": ("FeatureSource",),
            "supervisor": (
                "JobControl",
                "run_job",
            ),
        },
    )

__all__ = [
    "BACKENDS",
    "FeatureSource",
    "FitSettings",
    "JobControl",
    "SeedTree",
    "TrialJob",
    "TrialOutcome",
    "Verdict",
    "choose_backend",
    "import_keras",
    "process_context",
    "run_job",
]
