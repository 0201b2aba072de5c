"""The portable bundle: a trained model with everything it takes to go from a sound file to class names."""

from serbench.export.bundle import Bundle, BundleRecord
from serbench.export.predictions import Prediction, Predictions, render_predictions
from serbench.export.write import export_bundle

__all__ = ["Bundle", "BundleRecord", "Prediction", "Predictions", "export_bundle", "render_predictions"]
