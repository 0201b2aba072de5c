"""`serbench doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from serbench.cli.options import DEFAULT_RESULTS, BriefFormat, BriefOutput, ResultsPath
from serbench.cli.printing import echo, echo_json, echo_pairs
from serbench.errors import SerbenchError, unknown

__all__ = ["doctor"]


def doctor(
    results: ResultsPath = DEFAULT_RESULTS,
    backend: Annotated[str | None, typer.Option(help="Keras backend: tensorflow, jax or torch.")] = None,
    output: BriefOutput = BriefFormat.table,
) -> None:
    """Checks whether searches can run here: backend, GPUs, cores, memory, versions, extras, folders.

    It also starts a process in the way that a trial does. Exit code 1 if no search can run.
    """
    try:
        from serbench.doctor import diagnose
        from serbench.training import BACKENDS
    except ImportError as error:
        raise SerbenchError(
            f"a package that serbench needs cannot be imported ({error}); run `uv sync` in the clone, or install "
            "serbench again"
        ) from None

    from serbench.cli.watch import busy
    from serbench.render import plural

    if backend is not None and backend not in BACKENDS:
        raise unknown("backend", backend, BACKENDS)
    with busy("checking this machine"):
        findings = diagnose(results, backend)
    failed = [finding for finding in findings if finding.state == "failed"]
    if output is BriefFormat.json:
        document = {"schema_version": 1, "ok": not failed, "findings": [asdict(finding) for finding in findings]}
        echo_json(document)
    else:
        marks = {"ok": "", "note": "note: ", "failed": "FAILED: "}
        echo_pairs((finding.name, f"{marks[finding.state]}{finding.text}") for finding in findings)
        if not failed:
            noted = sum(finding.state == "note" for finding in findings)
            about = f"; {plural(noted, 'note')} above" if noted else ""
            echo("")
            echo(f"Searches can run here{about}. Try one: `serbench search`")
    if failed:
        raise SerbenchError("; ".join(f"{finding.name}: {finding.text}" for finding in failed))
