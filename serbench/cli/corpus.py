"""`serbench corpus list|show|check|download|add|remove`."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serbench.cli.corpus_download import download
from serbench.cli.declared import expanded_path
from serbench.cli.options import BriefFormat, BriefOutput, DataFolder, FileNames, LabelDrops, LabelMaps
from serbench.cli.printing import command_line, echo, echo_json, echo_pairs, new_console
from serbench.errors import SerbenchError, UsageError
from serbench.home import expanded

if TYPE_CHECKING:
    import pandas as pd

    from serbench.corpora import Corpus, StudyClips

__all__ = ["app"]

app = typer.Typer(
    help="Corpora: list, show, check, download, add, remove.", no_args_is_help=True, rich_markup_mode=None
)
app.command("download")(download)

CorpusArgument = Annotated[str, typer.Argument(help="A name (see `corpus list`), several as a+b, a folder or a table.")]
_LISTED = 12  # emotions


@app.command("list")
def list_corpora(output: BriefOutput = BriefFormat.table) -> None:
    """Lists the corpora that serbench can read."""
    from serbench.corpora import UserCorpus, corpus_names, get_corpus

    corpora = []
    for name in corpus_names():
        try:
            corpora.append(get_corpus(name))
        except SerbenchError as error:  # a broken plug-in does not hide the others
            echo(f"note: {error}", err=True)
    if output is BriefFormat.json:
        rows = [
            {
                "name": corpus.name, "title": corpus.title, "labels": list(corpus.labels),
                "clips": corpus.expected_clips, "synthetic": corpus.synthetic, "licence": corpus.licence,
            }
            for corpus in corpora
        ]  # fmt: skip
        echo_json(rows)
        return
    for corpus in corpora:
        count = f"{corpus.expected_clips:,} clips, " if corpus.expected_clips else ""
        labels = f"{len(corpus.labels)} emotions, " if corpus.labels else ""
        place = f" (added, {corpus.home})" if isinstance(corpus, UserCorpus) else ""
        echo(f"{corpus.name:10} {corpus.title}: {count}{labels}licence {corpus.licence}{place}")


@app.command("show")
def show(
    corpus: CorpusArgument,
    data: DataFolder = None,
    label_map: LabelMaps = None,
    drop: LabelDrops = None,
    file_names: FileNames = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write an HTML page: classes by speaker, durations, loudness.",
            callback=expanded_path,
        ),
    ] = None,
    output: BriefOutput = BriefFormat.table,
) -> None:
    """Shows clips per class and speaker, durations, sample rates, licence, and problems of the audio."""
    from serbench.corpora import choose_corpus, corpus_summary

    clips = _load(*choose_corpus(corpus, data, maps=label_map or (), drops=drop or (), names=file_names), None)
    if html is not None:
        from serbench.site import write_corpus_page

        write_corpus_page(clips, html)
        echo(f"page         {html}", err=True)
    summary = corpus_summary(clips)
    if output is BriefFormat.json:
        echo_json(summary)
        return
    _print_summary(summary)


@app.command("check")
def check(
    corpus: CorpusArgument,
    data: DataFolder = None,
    file_names: FileNames = None,
    sample_rate: Annotated[
        int | None,
        typer.Option(
            min=4_000, max=96_000, help="Sample rate of the features in Hz, to warn of clips recorded below it."
        ),
    ] = None,
    output: BriefOutput = BriefFormat.table,
) -> None:
    """Checks every file: unusable, silent, too short, duplicate or without a valid name. Exit code 1 on damage."""
    from serbench.corpora import choose_corpus

    clips = _load(*choose_corpus(corpus, data, names=file_names), sample_rate, survey=True)
    damaged = clips.obstacle is not None or any(finding.severity == "error" for finding in clips.findings)
    if output is BriefFormat.json:
        found = [
            {"kind": f.kind, "severity": f.severity, "message": f.message, "clips": list(f.clips)}
            for f in clips.findings
        ]
        result = {"corpus": corpus, "usable": len(clips.table), "excluded": len(clips.excluded), "findings": found}
        if clips.obstacle is not None:
            result["obstacle"] = clips.obstacle
        echo_json(result)
    else:
        echo(f"{clips.corpus.title}: {len(clips.table):,} usable clips, {len(clips.excluded):,} left out")
        if len(clips.table):
            echo(_who_and_what(clips.table))
        _print_findings(clips)
        if clips.obstacle is not None:
            echo(f"no study is possible: {clips.obstacle}")
    if damaged:
        raise typer.Exit(1)


def _who_and_what(table: pd.DataFrame) -> str:
    """Speakers and emotions of the clips in one line, so that a wrong name pattern is seen at once."""
    from serbench.render import plural, speakers

    counts = table["label"].astype(str).value_counts().sort_index()
    listed = ", ".join(f"{label} {count:,}" for label, count in counts.head(_LISTED).items())
    more = ", ..." if len(counts) > _LISTED else ""
    return f"{speakers(table['speaker'].nunique())}; {plural(len(counts), 'emotion')}: {listed}{more}"


@app.command("add")
def add_corpus(
    name: Annotated[str, typer.Argument(help="Its new name: lower-case letters, digits, hyphens.")],
    place: Annotated[Path, typer.Argument(metavar="PATH", help="A folder with one folder per class, or a table.")],
    data: DataFolder = None,
    file_names: FileNames = None,
    title: Annotated[str, typer.Option(help="Title in tables.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the audio.")] = "",
    citation: Annotated[str, typer.Option(help="Publication to cite.")] = "",
) -> None:
    """Registers a corpus of your own under a name. The audio stays where it is; the same name again updates it."""
    from serbench.corpora import (
        RegisteredCorpus,
        choose_corpus,
        installed_names,
        lasting_place,
        listing_findings,
        register_corpus,
    )
    from serbench.records import CorpusChoice
    from serbench.render import speakers

    if (found := expanded(place).absolute()).exists():  # else choose_corpus says what is wrong
        place = found
    corpus, _ = choose_corpus(str(place), data, names=file_names)
    if corpus.choice is None:
        raise UsageError(f"{corpus.name} is a corpus that serbench knows already; search it by that name")
    if len(corpus.choice.parts) != 1:
        raise UsageError(
            "one name stands for one corpus; add each of them under a name of its own, and search both as NAME+NAME"
        )
    listing = corpus.read(place)
    choice = CorpusChoice(name=name, parts=corpus.choice.parts, names=file_names, apart=data is not None)
    one = RegisteredCorpus(
        choice=choice, place=str(lasting_place(place)), audio="" if data is None else str(expanded(data).resolve()),
        title=title, licence=licence, citation=citation,
    )  # fmt: skip
    register_corpus(name, one, installed_names())
    for finding in listing_findings(listing):
        echo(f"note: {finding.message}", err=True)
    labels = listing.table["label"].value_counts().sort_index()
    echo(
        f"{name}: {len(listing.table):,} clips of {speakers(listing.table['speaker'].nunique())}; "
        f"{', '.join(f'{label} {count:,}' for label, count in labels.items())}"
    )
    echo(f"next: {command_line('corpus', 'check', name)}; {command_line('search', '--corpus', name)}")


@app.command("remove")
def remove_corpus(name: Annotated[str, typer.Argument(help="A corpus that was added.")]) -> None:
    """Removes the name of a corpus that was added. Its audio and its results stay."""
    from serbench.corpora import unregister_corpus

    unregister_corpus(name)
    echo(f"removed the name {name}; the audio stays where it is")


def _load(corpus: Corpus, data: Path | None, sample_rate: int | None, *, survey: bool = False) -> StudyClips:

    from serbench.cli.watch import watcher
    from serbench.corpora import load_clips, survey_clips

    load = survey_clips if survey else load_clips
    with watcher(new_console()) as view:
        return load(corpus, data, sample_rate, lambda done, total: view.progress("examining audio", done, total))


def _print_summary(summary: dict[str, Any]) -> None:
    synthetic = " (synthetic)" if summary["synthetic"] else ""
    duration = summary["duration_s"]
    lines = [
        ("corpus", f"{summary['title']}{synthetic}"),
        ("licence", f"{summary['licence']} {summary['licence_url']}".strip()),
        ("citation", summary["citation"]),
        ("clips", f"{summary['clips']:,} usable, {len(summary['excluded']):,} left out, {summary['hours']:.2f} h"),
        ("durations", f"{duration['min']:.2f} s to {duration['max']:.2f} s, median {duration['median']:.2f} s"),
        ("rates", ", ".join(f"{int(rate):,} Hz ({n:,})" for rate, n in summary["sample_rates"].items())),
        ("speakers", _speakers(summary)),
        ("classes", _counts(summary["clips_per_label"])),
        ("per speaker", _spread(summary["clips_per_speaker"])),
    ]
    findings = [(finding["severity"], finding["message"]) for finding in summary["findings"]]
    echo_pairs((name, text) for name, text in [*lines, *findings] if text)


def _print_findings(clips: StudyClips) -> None:
    """Prints a table of the findings by kind, then a sentence for each."""
    from serbench.cli.results import print_sheet
    from serbench.render import Column, Sheet

    if not clips.findings:
        echo("no problems found")
        return
    columns = (
        Column("what", align="left"), Column("severity", align="left"), Column("clips"), Column("example", 1, "left"),
    )  # fmt: skip
    rows = tuple(
        (
            finding.kind.replace("_", " "),
            finding.severity,
            f"{len(finding.clips):,}" if finding.clips else "",
            finding.clips[0] if finding.clips else "",
        )
        for finding in clips.findings
    )
    notes = tuple(f"{finding.severity}: {finding.message}" for finding in clips.findings)
    print_sheet(Sheet("", columns, rows, notes))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)


def _speakers(summary: dict[str, Any]) -> str:
    from serbench.corpora import UNKNOWN_SPEAKER

    if set(summary["clips_per_speaker"]) == {UNKNOWN_SPEAKER}:
        return "none named"
    return f"{summary['speakers']} ({_counts(summary['speakers_per_sex'])})"


def _spread(counts: dict[str, int]) -> str:
    values = counts.values()
    return f"{min(values):,} to {max(values):,} clips, median {statistics.median(values):,.10g}"
