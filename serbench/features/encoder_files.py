"""Pretrained speech encoders on this machine: what a folder holds, and where the encoder of a digest lies.

An encoder is known by the digest of its files. Records and caches hold that digest and never a path. The list of
folders is a file in the platform's configuration folder, as that of added corpora is.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, ValidationError

from serbench.errors import SerbenchError, UsageError, first_line
from serbench.home import expanded
from serbench.records import FrozenModel, digest_of, file_sha256, locked, read_text, write_text_atomic

__all__ = [
    "EncoderFolder",
    "encoder_folders",
    "find_encoder",
    "forget_encoder",
    "read_encoder_folder",
    "register_encoder",
]

_LARGEST_TEXT = 2**20


@dataclass(frozen=True)
class EncoderFolder:
    """The files of one encoder.

    Attributes:
        path: the folder.
        form: what runs it: `onnx`, or `transformers` with weights as safetensors.
        model: path of the ONNX file; of transformers the folder.
        digest: 16 hex digits of the contents of all files that matter.
        sample_rate: Hz that the encoder hears; None if the folder does not say.
        normalised: whether it hears waveforms of zero mean and unit variance; None if the folder does not say.
    """

    path: Path
    form: Literal["onnx", "transformers"]
    model: Path
    digest: str
    sample_rate: int | None
    normalised: bool | None


class _Known(FrozenModel):
    version: int = 1
    encoders: dict[str, str] = Field(default_factory=dict, description="folder of each digest")


def read_encoder_folder(folder: Path) -> EncoderFolder:
    """Looks at a folder. No code in it is run, and nothing is downloaded.

    Args:
        folder: with one `.onnx` file, or as transformers saves a model (`config.json`, `preprocessor_config.json`,
            `*.safetensors`). A `preprocessor_config.json` beside an ONNX file is read, too.

    Raises:
        UsageError: it holds no encoder, or one in a format that may run code.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name the folder of a speech encoder")
    graphs, weights = sorted(folder.glob("*.onnx")), sorted(folder.glob("*.safetensors"))
    if len(graphs) > 1:
        raise UsageError(f"{folder} has {len(graphs)} ONNX files; leave one, such as {graphs[0].name}, in a folder")
    if not graphs and not weights:
        raise UsageError(
            f"{folder} has no .onnx file, and no weights as .safetensors; other formats may run code and are not read"
        )
    configs = [folder / name for name in ("config.json", "preprocessor_config.json")]
    if not graphs and (missing := [path.name for path in configs if not path.is_file()]):
        raise UsageError(f"{folder} has no {missing[0]}; name the folder of a speech encoder saved by transformers")
    heard = _json(configs[1])
    rate, normalised = heard.get("sampling_rate"), heard.get("do_normalize")
    files = [*(graphs or [*weights, configs[0]]), *([configs[1]] if configs[1].is_file() else [])]
    return EncoderFolder(
        path=folder,
        form="onnx" if graphs else "transformers",
        model=graphs[0] if graphs else folder,
        digest=digest_of([_content(path) for path in files]),
        sample_rate=rate if isinstance(rate, int) and not isinstance(rate, bool) and rate > 0 else None,
        normalised=normalised if isinstance(normalised, bool) else None,
    )


def register_encoder(folder: Path) -> EncoderFolder:
    """Notes where an encoder lies on this machine.

    Raises:
        UsageError: the folder holds no encoder.
        SerbenchError: the list cannot be read or written.
    """
    found = read_encoder_folder(expanded(folder).absolute())
    with locked(_path()):
        _save(_known() | {found.digest: str(found.path)})
    return found


def forget_encoder(digest: str) -> None:
    """Removes an encoder from the list. Its folder stays where it is.

    Raises:
        UsageError: no encoder has this digest.
    """
    with locked(_path()):
        known = _known()
        if digest not in known:
            raise UsageError(f"no encoder '{digest}' was added; `serbench encoder list` shows those that were")
        _save({other: path for other, path in known.items() if other != digest})


def encoder_folders() -> dict[str, Path]:
    """Returns the folder of each encoder that was added, by digest.

    Raises:
        SerbenchError: the list is damaged.
    """
    return {digest: Path(path) for digest, path in _known().items()}


def find_encoder(digest: str) -> EncoderFolder:
    """Finds an encoder by its digest, and checks that its files are still the same.

    Raises:
        UsageError: it was not added on this machine.
        SerbenchError: its files have changed, or are gone.
    """
    path = _known().get(digest)
    if path is None:
        raise UsageError(
            f"encoder '{digest}' is not known on this machine; name its folder once with `serbench encoder add FOLDER`"
        )
    try:
        found = read_encoder_folder(Path(path))
    except UsageError as error:
        raise SerbenchError(f"encoder '{digest}' is not where it was: {error}") from None
    if found.digest != digest:
        raise SerbenchError(
            f"the files in {path} have changed: they are encoder '{found.digest}' now, and not '{digest}'; restore "
            "them, or add the right folder with `serbench encoder add FOLDER`"
        )
    return found


def _path() -> Path:
    """The list, in SERBENCH_CONFIG or the platform's configuration folder."""
    named = os.environ.get("SERBENCH_CONFIG", "").strip()
    folder = expanded(named).absolute() if named else platformdirs.user_config_path("serbench")
    return folder / "encoders.json"


def _known() -> dict[str, str]:
    path = _path()
    if not path.is_file():
        return {}
    try:
        found = _Known.model_validate(json.loads(read_text(path)))
    except (ValidationError, ValueError) as error:
        raise SerbenchError(
            f"{path} is damaged ({first_line(error)}); restore it, or remove it and add encoders again"
        ) from None
    return found.encoders


def _save(encoders: dict[str, str]) -> None:
    write_text_atomic(_path(), _Known(encoders=encoders).model_dump_json(indent=2) + "\n")


def _json(path: Path) -> dict[str, Any]:
    """The table in a small JSON file of somebody else; empty if there is none."""
    if not path.is_file() or path.stat().st_size > _LARGEST_TEXT:
        return {}
    try:
        found = json.loads(read_text(path))
    except (SerbenchError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _content(path: Path) -> str:
    status = path.stat()
    return _hashed(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _hashed(path: Path, _size: int, _changed: int) -> str:
    """SHA-256 of a file; read once for each state of it, since weights are large."""
    return file_sha256(path)
