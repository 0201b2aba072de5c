"""Training: fits one configuration in one isolated process.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.training.answerer import load_answerer
    from serbench.training.backend import (
        BACKENDS,
        GPU_BACKENDS,
        choose_backend,
        import_keras,
        keep_to_one_backend,
        process_context,
    )
    from serbench.training.copy_paste import can_paste
    from serbench.training.job import ClipTargets, FitSettings, TrialJob, TrialOutcome, Verdict
    from serbench.training.joining import join_networks
    from serbench.training.keras_settings import pin_keras_settings
    from serbench.training.network_file import open_network
    from serbench.training.precision import PRECISIONS, bfloat16_unit, choose_precision, dtype_policy
    from serbench.training.seeds import SeedTree
    from serbench.training.source import FeatureSource
    from serbench.training.supervisor import JobControl, run_job
    from serbench.training.teacher import TEACHER_SHARE, Teacher
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answerer": ("load_answerer",),
            "backend": (
                "BACKENDS",
                "GPU_BACKENDS",
                "choose_backend",
                "import_keras",
                "keep_to_one_backend",
                "process_context",
            ),
            "copy_paste": ("can_paste",),
            "job": (
                "ClipTargets",
                "FitSettings",
                "TrialJob",
                "TrialOutcome",
                "Verdict",
            ),
            "joining": ("join_networks",),
            "keras_settings": ("pin_keras_settings",),
            "network_file": ("open_network",),
            "precision": (
                "PRECISIONS",
                "bfloat16_unit",
                "choose_precision",
                "dtype_policy",
            ),
            "seeds": ("SeedTree",),
            "source": ("FeatureSource",),
            "supervisor": (
                "JobControl",
                "run_job",
            ),
            "teacher": (
                "TEACHER_SHARE",
                "Teacher",
            ),
        },
    )

__all__ = [
    "BACKENDS",
    "GPU_BACKENDS",
    "PRECISIONS",
    "TEACHER_SHARE",
    "ClipTargets",
    "FeatureSource",
    "FitSettings",
    "JobControl",
    "SeedTree",
    "Teacher",
    "TrialJob",
    "TrialOutcome",
    "Verdict",
    "bfloat16_unit",
    "can_paste",
    "choose_backend",
    "choose_precision",
    "dtype_policy",
    "import_keras",
    "join_networks",
    "keep_to_one_backend",
    "load_answerer",
    "open_network",
    "pin_keras_settings",
    "process_context",
    "run_job",
]
