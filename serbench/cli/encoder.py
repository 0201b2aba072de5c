"""`serbench encoder add|list|remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from serbench.cli.options import BriefFormat, BriefOutput
from serbench.cli.printing import echo, echo_json, echo_text
from serbench.errors import SerbenchError
from serbench.home import expanded

__all__ = ["app"]

app = typer.Typer(
    help="Frozen speech encoders on this machine: add, list, remove.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("add")
def add(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a speech encoder: one .onnx file, or saved by transformers.")
    ],
) -> None:
    """Notes where an encoder lies, tries it on noise, and prints what a space file needs to use it.

    Nothing is downloaded, copied or executed but the model itself.
    """
    import numpy as np

    from serbench.features import load_encoder, read_encoder_folder, register_encoder

    found = read_encoder_folder(expanded(folder).absolute())
    rate = found.sample_rate or 16_000
    noise = np.random.default_rng(0).standard_normal(rate).astype(np.float32)
    states = load_encoder(found)(noise)
    if not states:
        raise SerbenchError(f"{folder} gives no hidden states (frames, units) of a waveform; use a model of raw speech")
    register_encoder(folder)
    normalise = "true" if found.normalised in {None, True} else "false"
    lengths = sorted({len(one) for one in states})
    echo(f"encoder {found.digest}: {len(states)} layers, {'-'.join(map(str, lengths))} frames a second", err=True)
    echo_text(
        f'[features]\nkind = "encoder"            # "encoder_map" for family cnn2d\nmodel = "{found.digest}"\n'
        f"units = {states[-1].shape[1]}\nsample_rate = {rate}\nnormalise = {normalise}\nlayers = [-1]\n"
        'summary = "frames"          # or "mean_deviation", for family head\n'
    )


@app.command("list")
def list_encoders(output: BriefOutput = BriefFormat.table) -> None:
    """Lists the encoders that were added, with their folders."""
    from serbench.features import encoder_folders

    known = encoder_folders()
    if output is BriefFormat.json:
        echo_json([{"model": digest, "folder": str(path)} for digest, path in known.items()])
        return
    if not known:
        echo("no encoder was added yet; `serbench encoder add FOLDER` adds one", err=True)
    for digest, path in known.items():
        echo(f"{digest}  {path}{'' if path.is_dir() else '  (not there)'}")


@app.command("remove")
def remove(model: Annotated[str, typer.Argument(help="The encoder's digest, see `serbench encoder list`.")]) -> None:
    """Removes an encoder from the list. Its folder stays where it is."""
    from serbench.features import forget_encoder

    forget_encoder(model)
