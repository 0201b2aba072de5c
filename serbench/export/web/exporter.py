"""The exporter `web`: a page that listens, in the folder `web` of a bundle with `model.onnx`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serbench.export.bundle import BundleRecord
from serbench.export.exporter import TrainedEntry
from serbench.export.light.formats import ONNX
from serbench.export.web.page import write_page
from serbench.export.web.runtime import runtime_files

__all__ = ["WEB", "WEB_FOLDER", "WebPage"]

WEB_FOLDER = "web"


@dataclass(frozen=True)
class WebPage:
    """Exporter of a page that runs the network in a browser. Its network is the proved `model.onnx` of the bundle."""

    name: str = "web"
    description: str = "A bundle with model.onnx and a page that listens: open its folder web from any web server."
    extra: str | None = "onnx"
    modules: tuple[str, ...] = ("onnx", "onnxruntime")
    reads_runtime: bool = True

    def prepare(self, trained: TrainedEntry) -> None:
        """Fetches the runtime before anything is written.

        Raises:
            UsageError: the named folder does not hold the runtime.
            SerbenchError: the runtime cannot be downloaded.
        """
        runtime_files(trained.runtime, trained.say)

    def write(self, trained: TrainedEntry, folder: Path) -> BundleRecord:
        """Writes the page. The ONNX bundle is written first if the folder does not hold it.

        Args:
            trained: the model and everything known about it.
            folder: the folder to write to; empty, or with a bundle of this model.

        Raises:
            SerbenchError: the ONNX bundle cannot be written, or the runtime is not there.
        """
        described = folder / "bundle.json"
        record = BundleRecord.load(described) if described.is_file() else None
        if record is None or all(one.format != ONNX.name for one in record.light):
            record = ONNX.write(trained, folder)
        trained.say("writing the page that listens")
        write_page(folder, record, folder / WEB_FOLDER, runtime_files(trained.runtime, trained.say))
        return record


WEB = WebPage()
