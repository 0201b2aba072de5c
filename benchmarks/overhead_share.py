"""The share of a search's wall time in which its workers do not train, on trials of two minutes."""

from __future__ import annotations

from benchmarks.real_trials import Ended, fit_trials, small_space
from benchmarks.table import Row, Settings

__all__ = ["measure"]


def measure(settings: Settings) -> list[Row]:
    """Runs trials whose epochs take about two minutes together."""
    trials, wanted_s, pilot = (2, 2.0, 2) if settings.quick else (2, 120.0, 6)
    short = Ended()
    fit_trials(settings, small_space("cnn2d", pilot), 2, workers=1, observers=(short,))
    epoch_s = min(epoch.seconds for epoch in short.records[-1].epochs)
    epochs = max(1, round(wanted_s / epoch_s))
    ended = Ended()
    fit_trials(settings, small_space("cnn2d", epochs), trials, workers=1, observers=(ended,))
    trained = sum(epoch.seconds for record in ended.records for epoch in record.epochs)
    wall = ended.ended[-1] - ended.began[0]
    parts = [record.seconds for record in ended.records]
    rest = wall - trained
    said = ", ".join(
        f"{name} {sum(part[name] for part in parts) / rest:.0%}" for name in ("features", "start", "build", "predict")
    )
    in_fit = sum(part["fit"] for part in parts) - trained
    note = f"{trials} trials of {trained / trials:.0f} s of training, {epochs} epochs each, one worker"
    return [
        Row(
            "wall time of a search that is not training",
            100 * rest / wall,
            "%",
            f"of the rest: {said}, callbacks and waiting for verdicts {in_fit / rest:.0%}",
            5,
            note=note,
        )
    ]
