"""`serbench space list|show|check`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.options import BriefFormat, BriefOutput
from serbench.cli.printing import (
    echo,
    echo_json,
    echo_pairs,
    echo_styled,
    echo_text,
    new_console,
    screen_width,
    shows_styles,
)
from serbench.errors import SerbenchError
from serbench.printable import printable_lines

if TYPE_CHECKING:
    from serbench.spaces import Budget, SearchSpace

__all__ = ["app"]

app = typer.Typer(help="Search-space files: list, show, check.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_spaces(output: BriefOutput = BriefFormat.table) -> None:
    """Lists the search spaces: those in ./search_spaces, then those that come with serbench."""
    from serbench.spaces import load_space, space_names

    rows: list[dict[str, str | int]] = []
    for name, path in space_names().items():
        try:
            space = load_space(path)
            rows.append(
                {
                    "name": name, "family": space.family.name, "title": space.title,
                    "searched": len(space.searched), "file": str(path),
                }
            )  # fmt: skip
        except Exception as error:  # the family of a plug-in may fail in any way
            kind = "" if isinstance(error, SerbenchError) else f"{type(error).__name__}: "
            rows.append(
                {"name": name, "family": "?", "title": f"invalid: {kind}{error}", "searched": 0, "file": str(path)}
            )
    if output is BriefFormat.json:
        echo_json(rows)
        return
    keys = ("name", "family", "searched", "title")
    _table([tuple(str(row[key]) for key in keys) for row in rows], keys)


@app.command("show")
def show(
    space: Annotated[str, typer.Argument(help="A space's name or file.")],
    output: BriefOutput = BriefFormat.table,
) -> None:
    """Shows the settings of a search space and the values and meaning of every hyperparameter."""
    from serbench.spaces import load_space

    loaded = load_space(space)
    if output is BriefFormat.json:
        echo_json({"name": loaded.name, "hash": loaded.hash, **loaded.describe()})
        return
    echo(f"{loaded.name}: {loaded.title or loaded.family.title} (family {loaded.family.name})")
    named = f"{loaded.protocol}, " if loaded.protocol else ""
    normalised = ", normalised by speaker (transductive)" if loaded.speaker_normalisation else ""
    echo(f"  protocol   {named}test core {loaded.test_core:f} %, "
               f"validation core {loaded.validation_core:f} %{normalised}")  # fmt: skip
    echo(f"  features   {loaded.features.kind}, {' x '.join(map(str, loaded.features.shape))}, "
               f"{loaded.features.sample_rate:,} Hz, {loaded.features.duration_s:g} s")  # fmt: skip
    timeout = loaded.training.trial_timeout_s
    ended = "" if timeout is None else f", a trial is ended after {timeout:g} s"
    echo(f"  training   up to {loaded.training.epochs} epochs, patience {loaded.training.patience}, "
               f"at most {loaded.training.max_parameters:,} parameters{ended}")  # fmt: skip
    echo(f"  budget     {_budget(loaded.budget)}")
    echo("")
    _echo_parameters(loaded)
    if loaded.enqueued:
        echo("")
    for known in loaded.enqueued:
        mark = ", always a finalist" if known.finalist else ""
        on = f", chosen on {' and '.join(map(str, known.chosen_on))}" if known.chosen_on else ""
        echo_pairs([("first tried", f"{known.name}{mark}{on}")])


@app.command("check")
def check(
    spaces: Annotated[list[str], typer.Argument(help="Names or files.")],
) -> None:
    """Checks search spaces. An error message gives the place of the first mistake and the nearest valid name."""
    from serbench.spaces import check_draws, find_space, load_space

    for name in spaces:
        space = load_space(name)
        check_draws(space, space.budget.trials)
        echo(f"{find_space(name)}: valid ({len(space.searched)} parameters searched, hash {space.hash})")
        for concern in space.features.front_end.concerns(space.features):
            echo(f"note: [features] {concern}", err=True)
        for known in space.enqueued:
            if odd := space.misfits(known.config):
                echo(
                    f"note: enqueued '{known.name}' is tried, but is outside the values that the sampler draws: "
                    f"{'; '.join(odd.values())}",
                    err=True,
                )


def _budget(budget: Budget) -> str:
    from serbench.render import plural

    probed = f"{plural(budget.probes, 'probe')} of a quarter of the epochs, then " if budget.probes else ""
    parts = [f"{probed}{plural(budget.trials, 'trial')}"]
    if budget.shortlist:
        parts.append(f"{budget.shortlist} of them compared by cross-validation")
    parts += [plural(budget.finalists, "finalist"), f"{plural(budget.repeats, 'seed')} each"]
    on = {None: [], "all": ["final runs on all clips that are not tested"],
          "held-out": ["final runs without the validation clips"]}  # fmt: skip
    return ", ".join([*parts, *on[budget.finals]])


def _echo_parameters(space: SearchSpace) -> None:
    """Prints the values of each hyperparameter and, below them, its meaning, dim on a terminal."""
    width, screen = max(map(len, space.parameters), default=0), max(screen_width(), 40)
    for name, dimension in space.parameters.items():
        when = " and ".join(f"{other} = {' or '.join(map(str, values))}" for other, values in dimension.when.items())
        values = f"{dimension}, if {when}" if when else str(dimension)
        indent = " " * (width + 2)
        echo_text(textwrap.fill(values, screen, initial_indent=f"{name:{width}}  ", subsequent_indent=indent) + "\n")
        meaning = space.family.hyperparameters.model_fields[name].description or ""
        text = printable_lines(textwrap.fill(meaning, screen, initial_indent=indent, subsequent_indent=indent))
        echo_styled(f"\x1b[2m{text}\x1b[0m\n" if shows_styles() else f"{text}\n")


def _table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> None:
    from rich.table import Table

    filled = [place for place in range(len(header)) if any(row[place] for row in rows)] or range(len(header))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for place in filled:
        table.add_column(header[place], overflow="fold")
    for row in rows:
        table.add_row(*(row[place] for place in filled))
    new_console(stderr=False).print(table)
