"""`serbench search`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serbench.cli.declared import takes_request
from serbench.cli.options import TableFormat
from serbench.cli.printing import command_line, echo, echo_answer, new_console
from serbench.search import Panel, SearchRequest

if TYPE_CHECKING:
    from rich.console import Console

    from serbench.results import Results, Row
    from serbench.search import SearchPlan

__all__ = ["search"]

_OUTPUT = Panel.output.value
_STOPPED = "stopped; run the same command to continue"
_STOPPED_EARLY = "stopped before a study was opened; run the same command to continue"


@takes_request(
    typer.Argument(
        metavar="[SPACE]...",
        help="Search spaces: files or names.  [default: on the demo corpus demo_cnn1d and demo_cnn2d, on others the "
        "default space of each installed family]",
    ),
)
def search(
    request: SearchRequest,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Show the running search in a browser, on this machine only.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    live_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Port of the live pages.  [default: the first free port from 8421]",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    output: Annotated[
        TableFormat, typer.Option("--format", help="Output format of the leaderboard.", rich_help_panel=_OUTPUT)
    ] = TableFormat.table,
) -> None:
    """Searches hyperparameters on a corpus, tests the finalists once, and prints the leaderboard.

    Without arguments, it creates the demo corpus and searches both families. The same command again resumes:
    recorded trials are not run again. Ctrl-C stops gracefully.
    """
    from serbench.cli.stopping import stopping
    from serbench.cli.watch import watcher
    from serbench.search import SearchPlan, run_search

    plan = SearchPlan.of(request)
    console = new_console()
    stop = threading.Event()
    pages = _shown(plan, live or live_port is not None, live_port, console)
    with stopping(stop, console), pages, watcher(console) as view:
        studies = run_search(plan, view, stop)
    _conclude(plan, studies, output, console, stopped=stop.is_set())
    if stop.is_set():
        raise typer.Exit(130)


@contextlib.contextmanager
def _shown(plan: SearchPlan, live: bool, port: int | None, console: Console) -> Iterator[None]:
    """Serves live pages while the block runs, if `live` is set."""
    if not live:
        yield
        return
    from serbench.site import LiveSite

    protocols = {plan.protocol_of(space) for space in plan.spaces}
    protocol = protocols.pop() if len(protocols) == 1 else None  # else all protocols, or studies would be missing
    with LiveSite(plan.results, plan.corpus.name, protocol, port, plan.storage) as site:
        console.print(f"live pages: {site.address} (until the search ends)")
        yield


def _below(plan: SearchPlan, found: Results, best: Row, clips: int) -> list[str]:
    """What to do where a plain baseline is better than what the search selected; empty if none is."""
    from serbench.evaluation import MIN_SPEAKERS
    from serbench.render import below_baseline
    from serbench.spaces import space_for_size

    below = below_baseline(found.group_rows(best.entry), best)
    if not below:
        return []
    if best.synthetic:
        return [f"{below}. Its speech is synthetic, so this says nothing of yours: search your own recordings next"]
    smaller = space_for_size((), clips)
    if best.test_speakers < MIN_SPEAKERS and best.folds == 1:
        way = "test every speaker once, with `--protocol speaker-cv`; so few test speakers decide nothing"
        return [f"{below}. What to do: {way}"]
    if smaller and smaller not in [space.name for space in plan.spaces]:
        way = f"search the space for small corpora: `serbench search {smaller}` with the same options"
    else:
        way = "search with more trials, or another space"
    return [f"{below}. What to do: {way}. What that finds is tested on the same clips, and counted"]


def _conclude(
    plan: SearchPlan, studies: list[str], output: TableFormat, console: Console, *, stopped: bool = False
) -> None:
    """Prints the best entry in one sentence, the leaderboard of these studies, and the commands to run next.

    A search that was stopped has only one command to run next: itself.
    """
    from serbench.cli.results import print_empty_leaderboard, print_leaderboard, print_sheet
    from serbench.cli.watch import busy
    from serbench.render import answer, beside_printed
    from serbench.results import Results

    results, found = plan.results, Results(plan.results)
    if not studies:
        console.print(_STOPPED_EARLY)
        print_empty_leaderboard(results, output)
        return
    records = [found.study(name).record for name in studies]
    tested = [record for record in records if found.study(record.name).entry_ids]
    if not tested:
        console.print(f"no entry was tested yet; the trials are in {results / 'studies'}")
        if stopped:
            console.print(_STOPPED)
        print_empty_leaderboard(results, output)
        return
    scope = tested[0].corpus.name, tested[0].protocol.name
    with busy("scoring the tested entries"):
        board, best = found.board(*scope), found.best(studies, *scope)
    if output is TableFormat.table and best is not None:
        so_far = "Provisional, since the search was stopped: " if stopped else ""
        echo_answer(f"{so_far}{answer(found.group_rows(best.entry), best)}")
        echo("")
    print_leaderboard(board, output)
    beside = beside_printed(board, studies)
    if output is TableFormat.table and beside is not None:
        print_sheet(beside)
    lines = [f"studies    {results / 'studies' / name}" for name in studies]
    for other in sorted({record.protocol.name for record in tested} - {scope[1]}):
        lines.append(f"{other:10s} {command_line('leaderboard', '--protocol', other, results=results)}")
    if stopped:
        lines.append(_STOPPED)
    elif best is not None:
        for line in _below(plan, found, best, records[0].corpus.clips):
            console.print(line, style="yellow")
        lines += _next(results, best)
    for line in lines:
        console.print(line, soft_wrap=True)


def _next(results: Path, best: Row) -> list[str]:
    """The commands to run next with the best entry of a search, a line each."""
    judged = "out-of-fold" if best.out_of_fold else "validation"
    lines = [
        f"selected   {best.entry} (best {judged} score{'' if best.selected else ' of this search'})",
        f"report     {command_line('report', best.entry, '--html', 'report.html', results=results)}",
        f"site       {command_line('leaderboard', '--html', 'site', results=results)}",
    ]
    if not best.speaker_normalisation:
        to = f"bundle-{best.entry}" if Path("bundle").exists() else "bundle"
        lines.append(f"export     {command_line('export', best.entry, '--to', to, results=results)}")
    return lines
