"""How long the site of a large leaderboard takes, and how large it is."""

from __future__ import annotations

import time

from benchmarks.simulated_results import Size, write_results
from benchmarks.table import Row, Settings
from serbench.results import Results
from serbench.site import Site

__all__ = ["measure"]


def measure(settings: Settings) -> list[Row]:
    """One build of 200 entries for time, one of 50 for size; pictures of clips included."""
    many, few = (Size(4, 2, 90, 9, 2, 5), Size(2, 2, 90, 9, 2, 5)) if settings.quick else (Size(), Size(entries=50))
    root = settings.folder("site")
    results = write_results(root / "many", many)
    began = time.perf_counter()
    Site.build(Results(results.root), root / "many-site")
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    Site.build(Results(results.root), root / "many-site")
    again = time.perf_counter() - began
    site = Site.build(Results(write_results(root / "few", few).root), root / "few-site")
    studies = many.entries // many.per_study
    note = f"{many.entries} entries of {many.refits} refits, {many.clips:,} clips, {studies} studies"
    return [
        Row("site: build", seconds, "s", "reading and scoring predictions, then filling in templates", 20, note=note),
        Row("site: build again", again, "s", "the same; only what changed is written", note=note),
        Row("site: size", site.bytes / 2**20, "MiB", "figures as SVG, pictures of clips", 10,
            note=f"{few.entries} entries"),
    ]  # fmt: skip
