"""The model card: what the model is, what it was trained on, how well it does and for what it is not."""

from __future__ import annotations

from serbench.export.bundle import BundleRecord
from serbench.records import StudyRecord
from serbench.render import left_out, percent, plural, span, speakers, whose_labels
from serbench.results import EntryReport
from serbench.search import placeholder_note, search_command, shell_line

__all__ = ["model_card"]


def model_card(record: BundleRecord, report: EntryReport, study: StudyRecord) -> str:
    """Writes the card as Markdown. A pure function of its arguments, so that it can be compared with a golden one.

    Args:
        record: of the bundle.
        report: of its entry.
        study: that the entry comes from.
    """
    parts = _head(record), _scores(record, report), _training_data(record), _training_again(study), _limits(record)
    return "\n".join(parts)


def _head(record: BundleRecord) -> str:
    corpus, spec = record.corpus, record.features
    synthetic = (
        "\n\n**The corpus is synthetic: the scores say nothing about human speech.**" if corpus.synthetic else ""
    )
    return f"""# Speech emotion recognition: {record.family} on {corpus.title}

Classifies a sound file as {", ".join(record.labels)}. Made by serbench {record.environment.serbench}, entry
`{record.entry}` of study `{record.study}`, refit `{record.refit}`.{synthetic}

## Use

```
serbench predict . FILE_OR_FOLDER
```

Any sample rate, channels and length: audio is mixed to mono, resampled to {spec.sample_rate:,} Hz and cut or padded
to {spec.duration_s:g} s; files longer than {record.longest_clip_s:.1f} s are read in overlapping windows.
"""


def _scores(record: BundleRecord, report: EntryReport) -> str:
    row, protocol = report.row, record.protocol
    shared = "are also training speakers, which inflates scores" if protocol.shares_speakers else "are unknown to it"
    interval = span(row.uar_low, row.uar_high)
    confidence = f" (95 % interval {interval} %)" if row.uar_low is not None else f" ({report.no_interval})"
    classes = "\n".join(
        f"| {c.label} | {percent(c.precision)} | {percent(c.recall)} | {percent(c.f1)} | {c.support} |"
        for c in report.per_class
    )
    return f"""## Scores

Protocol `{protocol.name}` (hash {protocol.hash}, split seed {protocol.split_seed}): test speakers {shared}.
The configuration was chosen by validation alone; of its {row.seeds} refits this one is best on validation. The test
core ({protocol.test_clips:,} clips, {speakers(protocol.test_speakers)}) was looked at
{plural(row.looks, "time")} for this entry.

| mean over refits | % |
|---|---|
| UAR (mean of the classes' recalls) | {percent(row.uar)}{confidence} |
| accuracy | {percent(row.accuracy)} |
| macro-F1 | {percent(row.macro_f1)} |
| validation UAR | {percent(row.validation_uar)} |

| emotion | precision % | recall % | F1 % | clips |
|---|---|---|---|---|
{classes}
"""


def _training_data(record: BundleRecord) -> str:
    corpus = record.corpus
    excluded = left_out(corpus.excluded) or "none"
    labels = f"\nLabels are {whose}." if (whose := whose_labels(corpus)) else ""
    citation = f"\n\nCite the corpus: {corpus.citation}" if corpus.citation else ""
    return f"""## Training data

{corpus.title}: {corpus.clips:,} clips, {corpus.speakers} speakers. Licence: {corpus.licence} {corpus.licence_url}
Left out: {excluded}.{labels}{citation}
"""


def _training_again(study: StudyRecord) -> str:
    command = search_command(study)
    again = f"\n{note}.\n" if (note := placeholder_note(command)) else ""
    return f"""## Training again

```
{shell_line(command)}
```
{again}"""


def _limits(record: BundleRecord) -> str:
    return f"""## Limits

Acted or synthetic emotion of one corpus and language; scores on other speech are lower. Not for judging people:
employment, education, policing, health. A probability is not a measurement of what somebody feels.

## Check

Before this bundle was written, {record.check.clips:,} test clips were predicted again from raw audio in a fresh
process; the largest difference of a probability was {record.check.largest_difference:.1e}.
"""
