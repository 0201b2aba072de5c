"""Export of trained models: exporters, the portable bundle, and predictions from a bundle.

Names are loaded when first used (see `serbench.faces`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.faces import lazy_face

if TYPE_CHECKING:
    from serbench.export.bundle import Bundle, BundleRecord, LightFile
    from serbench.export.exporter import Exporter, TrainedEntry
    from serbench.export.light.timing import median_milliseconds
    from serbench.export.predictions import Prediction, Predictions, render_predictions
    from serbench.export.registry import exporter_names, get_exporter
    from serbench.export.web.card_page import card_html
    from serbench.export.web.demo import write_demo
    from serbench.export.write import check_quantised, example_clip, export_bundle, exporters_of
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "bundle": (
                "Bundle",
                "BundleRecord",
                "LightFile",
            ),
            "exporter": (
                "Exporter",
                "TrainedEntry",
            ),
            "light.timing": ("median_milliseconds",),
            "predictions": (
                "Prediction",
                "Predictions",
                "render_predictions",
            ),
            "registry": (
                "exporter_names",
                "get_exporter",
            ),
            "web.card_page": ("card_html",),
            "web.demo": ("write_demo",),
            "write": (
                "check_quantised",
                "example_clip",
                "export_bundle",
                "exporters_of",
            ),
        },
    )

__all__ = [
    "Bundle",
    "BundleRecord",
    "Exporter",
    "LightFile",
    "Prediction",
    "Predictions",
    "TrainedEntry",
    "card_html",
    "check_quantised",
    "example_clip",
    "export_bundle",
    "exporter_names",
    "exporters_of",
    "get_exporter",
    "median_milliseconds",
    "render_predictions",
    "write_demo",
]
