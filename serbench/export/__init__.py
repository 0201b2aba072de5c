"""Trained models leave serbench here: exporters, the portable bundle, and predictions from a bundle."""

from serbench.export.bundle import Bundle, BundleRecord
from serbench.export.exporter import Exporter, TrainedEntry
from serbench.export.predictions import Prediction, Predictions, render_predictions
from serbench.export.registry import exporter_names, get_exporter
from serbench.export.write import export_bundle

__all__ = [
    "Bundle",
    "BundleRecord",
    "Exporter",
    "Prediction",
    "Predictions",
    "TrainedEntry",
    "export_bundle",
    "exporter_names",
    "get_exporter",
    "render_predictions",
]
