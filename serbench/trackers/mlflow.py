"""MLflow: one run for each run, below the run of its study, on a tracking server."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from serbench.errors import SerbenchError, UsageError
from serbench.trackers.names import named, safe_name, text_of
from serbench.trackers.runs import PushedRun
from serbench.trackers.tracker import Progress, Pushed

__all__ = ["MLFLOW"]

_KEY: Final = "serbench.key"
_CONTENT: Final = "serbench.content"
"""Tag with the digest of a run's content. It is set last: a run without it was broken off."""

_BATCH: Final = 500
_FEW: Final = 100
_PAGE: Final = 1000
"""Most metrics and parameters in one request, and runs in one answer, that a server takes."""


@dataclass(frozen=True)
class MLflow:
    """Writes to a tracking server: experiments by corpus and protocol, one run for each study, and its fits below."""

    name: str = "mlflow"
    extra: str | None = "mlflow"
    modules: tuple[str, ...] = ("mlflow",)

    def push(self, runs: Sequence[PushedRun], to: str | None, progress: Progress) -> Pushed:
        """Writes runs, see `Tracker.push`. Runs are found again by a tag.

        A run with other content is deleted and written anew; that of a study is changed in place, because others lie
        below it.
        """
        address = to or os.environ.get("MLFLOW_TRACKING_URI")
        if not address:
            raise UsageError("name the MLflow server: `--to http://127.0.0.1:5000`, or set MLFLOW_TRACKING_URI")
        counts = {"added": 0, "updated": 0, "unchanged": 0}
        with _reachable(address):
            server = _Server(_client(address))
            for done, run in enumerate(runs, 1):
                counts[server.write(run)] += 1
                progress(done, len(runs))
        place = _without_password(address)
        experiments = ", ".join(sorted({text_of(run.experiment) for run in runs}))
        return Pushed(place, **counts, next_step=f"open {place}, experiment {experiments}")


MLFLOW = MLflow()


@dataclass
class _Server:
    """A tracking server, and what is known of it."""

    client: Any
    experiments: dict[str, str] = field(default_factory=dict)
    known: dict[tuple[str, str], Any] = field(default_factory=dict)

    def write(self, run: PushedRun) -> str:
        """Writes one run; returns what was done, as the name of a count of `Pushed`."""
        experiment = self._experiment(run.experiment)
        before = self.known.get((experiment, run.key))
        if before is not None and before.data.tags.get(_CONTENT) == run.content:
            return "unchanged"
        if before is not None and run.kind != "study":
            self.client.delete_run(before.info.run_id)
        if before is None or run.kind != "study":
            made = self.client.create_run(
                experiment, start_time=_ms(run.began), tags=self._tags(experiment, run), run_name=text_of(run.name, 200)
            )
            self.known[experiment, run.key] = made
            self._fill(made.info.run_id, run, {})
        else:
            for name, value in self._tags(experiment, run).items():
                self.client.set_tag(before.info.run_id, name, value)
            self._fill(before.info.run_id, run, before.data.metrics)
        return "added" if before is None else "updated"

    def _experiment(self, name: str) -> str:
        """Id of an experiment, which is made if there is none. Its runs of serbench are read once."""
        name = text_of(name, 200)
        if name not in self.experiments:
            found = self.client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage != "active":
                raise SerbenchError(f"experiment '{name}' was deleted on the MLflow server; restore it there first")
            self.experiments[name] = found.experiment_id if found else self.client.create_experiment(name)
            for one in self._runs(self.experiments[name]):
                if key := one.data.tags.get(_KEY):
                    self.known[self.experiments[name], key] = one
        return self.experiments[name]

    def _runs(self, experiment: str) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = self.client.search_runs([experiment], max_results=_PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _tags(self, experiment: str, run: PushedRun) -> dict[str, str]:
        tags = {f"serbench.{safe_name(name)}": text_of(value, 4000) for name, value in run.tags.items()}
        tags |= {_KEY: run.key, "serbench.kind": run.kind}
        if run.parent is not None and (parent := self.known.get((experiment, run.parent))) is not None:
            tags["mlflow.parentRunId"] = parent.info.run_id
        return tags

    def _fill(self, run_id: str, run: PushedRun, before: dict[str, float]) -> None:
        """Writes parameters, curves and scores, then marks the run as complete."""
        from mlflow.entities import Metric, Param, RunTag

        points = [
            Metric(name, value, _ms(run.time_of(epoch)), epoch)
            for name, curve in named(run.curves).items()
            for epoch, value in curve
        ]
        points += [
            Metric(name, value, _ms(run.ended), 0)
            for name, value in named(run.scores).items()
            if before.get(name) != value
        ]
        parameters = [Param(name, text_of(value)) for name, value in named(run.parameters).items()]
        for start in range(0, len(points), _BATCH):
            self.client.log_batch(run_id, metrics=points[start : start + _BATCH])
        for start in range(0, len(parameters), _FEW):
            self.client.log_batch(run_id, params=parameters[start : start + _FEW])
        good = run.state in {"completed", "pruned"}
        self.client.set_terminated(run_id, "FINISHED" if good else "FAILED", end_time=_ms(run.ended))
        self.client.log_batch(run_id, tags=[RunTag(_CONTENT, run.content)])


def _client(address: str) -> Any:
    # Nobody learns more of five minutes of retries than of half a minute.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=address)


@contextlib.contextmanager
def _reachable(address: str) -> Iterator[None]:
    """Turns what goes wrong on the way to the server into one sentence."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # its own statistics go to its makers
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:  # those of requests are OSErrors
        reason = str(error).splitlines()[0][:300].replace(address, _without_password(address)) if str(error) else ""
        raise SerbenchError(
            f"MLflow at {_without_password(address)} cannot be written ({type(error).__name__}: {reason}); is the "
            "server running? `mlflow server` starts one. Then run the same command again"
        ) from error


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _without_password(address: str) -> str:
    """Hides user and password of an address.

    >>> _without_password("https://me:p@ss@host/x")
    'https://***@host/x'
    """
    return re.sub(r"//[^/]*@", "//***@", address)
