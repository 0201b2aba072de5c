"""Writes the page that listens for `serbench demo`: of a bundle, which may come from a stranger, what was checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from serbench.errors import UsageError
from serbench.export.bundle import bundle_record
from serbench.export.web.page import write_page
from serbench.export.web.runtime import runtime_files

__all__ = ["write_demo"]


def write_demo(
    bundle: Path, folder: Path, runtime: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> None:
    """Writes the page of a bundle into a folder.

    Nothing of the bundle's own folder `web` is used: scripts come from this package, the runtime from the cache.

    Args:
        bundle: folder of a bundle with `model.onnx`.
        folder: the folder to fill.
        runtime: folder with the runtime; None to take it from the cache or to download it.
        say: callback that receives a sentence before a download.

    Raises:
        UsageError: the folder is no bundle or has no `model.onnx`, or `runtime` does not hold the runtime.
        SerbenchError: the bundle is damaged or was changed, or the runtime cannot be downloaded.
    """
    record = bundle_record(bundle)
    if all(one.format != "onnx" for one in record.light):
        raise UsageError(f"{bundle} holds no model for a browser; export it again with --format web")
    write_page(bundle, record, folder, runtime_files(runtime, say))
