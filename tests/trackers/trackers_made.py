"""What the tests of trackers share."""

from __future__ import annotations

STUDY = "demo-speaker-cnn2d"
LATER = "2026-01-02T04:04:05+00:00"


def retried(build, job_id="t3"):
    """Lets a crashed trial have run again, with another end."""
    folder = build.results.study(STUDY)
    again = folder.job("search", job_id).model_copy(
        update={"state": "completed", "value": 0.25, "started": LATER, "finished": LATER}
    )
    again.save(folder.job_path("search", job_id) / "record.json")
