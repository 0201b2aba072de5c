"""`Site`: writes the site of a results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serbench.render import render
from serbench.results import Leaderboard, LoadedStudy, Results, ScoredEntry, StudyReport, damage_notes, study_row
from serbench.site.board_page import PagePaths, board_page
from serbench.site.clips.misses import wanted_pictures
from serbench.site.clips.sounds import Sounds
from serbench.site.compare_page import compare_page
from serbench.site.entry_details import EntryDetails
from serbench.site.entry_page import EntryPage, entry_page
from serbench.site.files import SiteFolder, page_name
from serbench.site.pages import SITE_ASSETS, Pages, asset
from serbench.site.sources import find_sources
from serbench.site.study_data import StudyData
from serbench.site.study_page import study_page

__all__ = ["Site"]


@dataclass(frozen=True)
class Site:
    """A written site.

    Attributes:
        index: path of the page to open first.
        pages: number of pages.
        bytes: size of all files.
        notes: sentences about what is missing on the site, and why.
    """

    index: Path
    pages: int
    bytes: int
    notes: tuple[str, ...]

    @classmethod
    def build(
        cls,
        results: Results,
        folder: Path,
        *,
        corpus: str | None = None,
        protocol: str | None = None,
        with_audio: bool = False,
        ensembles: bool = False,
        live: bool = False,
    ) -> Site:
        """Writes the index and the pages of entries, studies and comparisons. Updates an earlier site in the folder.

        Args:
            results: the results to show.
            folder: a new or empty folder, or one with an earlier site.
            corpus: only entries of the corpus of this name.
            protocol: only entries under the protocol of this name.
            with_audio: whether to copy the audio of the clips that are shown. The corpus's licence must allow it.
            ensembles: whether to add the ensemble of each study's finalists, and of the best entries of all families.
            live: whether a server rebuilds the pages while a search runs.

        Raises:
            UsageError: the folder holds other files, or there are no entries of that corpus or protocol.
            SerbenchError: a record is damaged, or the folder cannot be written.
        """
        results.keep_trials()
        board = results.board(corpus, protocol, ensembles=ensembles)
        studies = [
            study
            for study in results.studies
            if corpus in (None, study.record.corpus.name) and protocol in (None, study.record.protocol.name)
        ]
        files = SiteFolder(folder)
        notes = _Maker(results, board, studies, files, Pages(live=live), with_audio).run()
        files.finish()
        all_notes = (*notes, *damage_notes(board.damaged, results.root))
        return cls(folder / "index.html", files.pages, files.total_bytes, all_notes)


@dataclass(frozen=True)
class _Maker:
    results: Results
    board: Leaderboard
    studies: list[LoadedStudy]
    files: SiteFolder
    pages: Pages
    with_audio: bool

    def run(self) -> tuple[str, ...]:
        """Writes all files. Returns a sentence for each damaged record that the leaderboard does not name."""
        for name in SITE_ASSETS:
            self.files.write(f"assets/{name}", asset(name))
        paths = PagePaths(
            {row.entry: f"entries/{page_name(row.entry)}" for row in self.board.rows},
            {study.name: f"studies/{page_name(study.name)}" for study in self.studies},
        )
        tested = {one.entry.entry_id: one for one in self.board.tested}
        self._entries(tested, paths)
        unread = []
        for study in self.studies:
            data = StudyData.of(self.results, study)
            unread += [f"{study.name}: {data.unread_space}"] if data.unread_space else []
            page = study_page(self.pages, StudyReport.of(study), data, paths)
            self.files.write(paths.studies[study.name], page)
        self.files.write("compare.html", compare_page(self.pages, self.board, paths))
        self.files.write("leaderboard.csv", render(self.board, "csv"))
        self.files.write("leaderboard.json", render(self.board, "json"))
        rows = [study_row(study) for study in self.studies]
        made = max((row.last_activity for row in rows), default="")
        listed = set(self.board.damaged)
        unread += [f"left out: {lost.sentence}" for one in self.studies for lost in one.damaged if lost not in listed]
        # A site is sent to others, so it must not contain paths of this machine.
        notes = tuple(dict.fromkeys(note.replace(f"{self.results.root}/", "") for note in unread))
        self.files.write("index.html", board_page(self.pages, self.board, paths, rows, notes, made))
        return notes

    def _entries(self, tested: dict[str, ScoredEntry], paths: PagePaths) -> None:
        sources = find_sources(self.results, tested.values())
        sounds = Sounds(_Clips(self.files), with_audio=self.with_audio, workers=1 if self.pages.live else None)
        sounds.prepare(
            one for row in self.board.rows for one in wanted_pictures(tested[row.entry], sources[row.entry], sounds)
        )
        for group in self.board.groups:
            for row in group.rows:
                behind = sources[row.entry]
                page = EntryPage(
                    tested=tested[row.entry],
                    row=row,
                    details=EntryDetails.of(self.results, tested[row.entry], behind, sounds),
                    references=group.references,
                    trials=behind.counted,
                    studies=tuple(
                        (name, f"../{paths.studies[name]}" if name in paths.studies else "") for name in behind.names
                    ),
                )
                self.files.write(paths.entries[row.entry], entry_page(self.pages, page, root="../"))


@dataclass(frozen=True)
class _Clips:
    """Stores pictures and sounds in the site's folder `clips/`, for the pages of entries."""

    files: SiteFolder

    def find(self, name: str) -> str | None:
        return f"../clips/{name}" if self.files.keep(f"clips/{name}") else None

    def add(self, name: str, data: bytes) -> str:
        self.files.write(f"clips/{name}", data)
        return f"../clips/{name}"
