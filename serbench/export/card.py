"""The model card: the model, its training data, its scores and its limits.

It begins with the metadata that the Hugging Face Hub reads (https://huggingface.co/docs/hub/model-cards), so that the
folder of a bundle can be pushed as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from serbench.audit.robustness import ROBUSTNESS_HEADER, Robustness, robustness_rows, robustness_verdict
from serbench.export.bundle import BundleRecord
from serbench.printable import printable_lines
from serbench.records import StudyRecord
from serbench.render import escape_markdown, left_out, percent, plural, span, speakers, whose_labels
from serbench.results import EntryReport, Row
from serbench.search import placeholder_note, search_command, shell_line

__all__ = ["model_card"]

_HUB_TAGS = {"litert": "tflite"}
_PACKAGES = {"onnx": "onnxruntime", "litert": "ai-edge-litert", "saved-model": "tensorflow"}


def model_card(
    record: BundleRecord, report: EntryReport, study: StudyRecord, robustness: Sequence[Robustness] = ()
) -> str:
    """Returns the model card as Markdown.

    Args:
        record: record of the bundle.
        report: report of its entry.
        study: record of the entry's study.
        robustness: what was measured of the entry under noise, in rooms, through codecs; empty if nothing was.
    """
    parts = (
        _metadata(record, report),
        _head(record),
        _scores(record, report),
        *(_robustness(one) for one in robustness),
        _training_data(record),
        _training_again(study),
        _limits(record),
        _light(record),
    )
    return printable_lines("\n".join(parts))


def _metadata(record: BundleRecord, report: EntryReport) -> str:
    """The metadata as YAML between two lines of dashes. Texts of strangers are quoted and escaped."""
    import yaml

    row, corpus, protocol = report.row, record.corpus, record.protocol
    scores = {"UAR": ("recall", row.uar), "accuracy": ("accuracy", row.accuracy), "macro-F1": ("f1", row.macro_f1)}
    measured = [
        {"type": kind, "name": f"{name} (test, mean of {plural(row.seeds, 'run')})", "value": round(value, 4)}
        for name, (kind, value) in scores.items()
        if value is not None
    ]
    dataset = {
        "name": corpus.title,
        "type": corpus.name,
        "split": "test",
        "args": {
            "protocol": protocol.name,
            "split_seed": protocol.split_seed,
            "shared_speakers": protocol.shares_speakers,
        },
    }
    result = {
        "task": {"type": "audio-classification", "name": "speech emotion recognition"},
        "dataset": dataset,
        "metrics": measured,
    }
    metadata = {
        "library_name": "keras",
        "pipeline_tag": "audio-classification",
        "tags": [
            "speech-emotion-recognition",
            "serbench",
            record.family,
            *_formats(record),
        ],
        "datasets": [corpus.name],
        "metrics": ["recall", "accuracy", "f1"],
        "model-index": [{"name": record.entry, "results": [result]}],
    }
    text: str = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=False, width=120)
    return f"---\n{text}---\n"


def _formats(record: BundleRecord) -> list[str]:
    """The hub's names of the light formats."""
    return [_HUB_TAGS.get(one.format, one.format) for one in record.light]


def _head(record: BundleRecord) -> str:
    corpus, spec = record.corpus, record.features
    synthetic = (
        "\n\n**The corpus is synthetic: the scores say nothing about human speech.**" if corpus.synthetic else ""
    )
    title, labels = escape_markdown(corpus.title), ", ".join(map(escape_markdown, record.labels))
    return f"""# Speech emotion recognition: {record.family} on {title}

Classifies an audio file as {labels}. Made by serbench {record.environment.serbench}: entry
`{record.entry}` of study `{record.study}`, run `{record.refit}`.{synthetic}

## Use

```
serbench predict . FILE_OR_FOLDER
```

Audio may have any sample rate, number of channels and length. It is mixed to mono, resampled to
{spec.sample_rate:,} Hz and cut or padded to {spec.duration_s:g} s. Files longer than {record.longest_clip_s:.1f} s are
read in overlapping windows.
"""


def _scores(record: BundleRecord, report: EntryReport) -> str:
    row, protocol = report.row, record.protocol
    shared = (
        "are also training speakers, which inflates the scores"
        if protocol.shares_speakers
        else "are not in the training data"
    )
    interval = span(row.uar_low, row.uar_high)
    confidence = f" (95 % interval {interval} %)" if row.uar_low is not None else f" ({report.no_interval})"
    classes = "\n".join(
        f"| {escape_markdown(c.label)} | {percent(c.precision)} | {percent(c.recall)} | {percent(c.f1)} | {c.support} |"
        for c in report.per_class
    )
    chosen = "the score of out-of-fold answers" if row.out_of_fold else "validation score"
    return f"""## Scores

Protocol `{protocol.name}` (hash {protocol.hash}, split seed {protocol.split_seed}): the test speakers {shared}.
The configuration was selected by {chosen} only. {_training(row)}
The test set ({protocol.test_clips:,} clips, {speakers(protocol.test_speakers)}) was evaluated
{plural(row.looks, "time")} for this entry.

| mean over runs | % |
|---|---|
| UAR (unweighted average recall) | {percent(row.uar)}{confidence} |
| accuracy | {percent(row.accuracy)} |
| macro-F1 | {percent(row.macro_f1)} |
| {"out-of-fold" if row.out_of_fold else "validation"} UAR | {percent(row.validation_uar)} |

| emotion | precision % | recall % | F1 % | clips |
|---|---|---|---|---|
{classes}
"""


def _robustness(found: Robustness) -> str:
    head = " | ".join(ROBUSTNESS_HEADER)
    rows = "\n".join(f"| {' | '.join(map(escape_markdown, row))} |" for row in robustness_rows(found))
    reasons = "".join(f"\n{one.title} is not measured: {one.not_measured}." for one in found.left_out)
    return f"""## Robustness on {found.on} speakers

{escape_markdown(robustness_verdict(found))} {found.clips:,} clips of {speakers(found.speakers)}, answered by
{found.answered_by}. Intervals are paired over speakers.

| {head} |
|{"---|" * len(ROBUSTNESS_HEADER)}
{rows}
{escape_markdown(reasons)}"""


def _training(row: Row) -> str:
    """How the exported network was trained, in a sentence."""
    if row.bag:
        return (
            f"This is the mean of {row.bag} networks, each trained without one fold of the clips outside the test set."
        )
    seeds = plural(row.seeds, "seed")
    if row.finals == "all":
        return f"It was trained with {seeds} on all clips outside the test set; this is one of these runs."
    return f"It was trained with {seeds}; this is the best run on validation."


def _training_data(record: BundleRecord) -> str:
    corpus = record.corpus
    title, licence = escape_markdown(corpus.title), escape_markdown(corpus.licence)
    excluded = left_out(corpus.excluded) or "none"
    labels = f"\nLabels are {whose}." if (whose := whose_labels(corpus)) else ""
    citation = f"\n\nCite the corpus: {escape_markdown(corpus.citation)}" if corpus.citation else ""
    return f"""## Training data

{title}: {corpus.clips:,} clips, {corpus.speakers} speakers. Licence: {licence} {corpus.licence_url}
Left out: {excluded}.{labels}{_earlier(record)}{citation}
"""


def _earlier(record: BundleRecord) -> str:
    """What the model took over from other networks, as sentences."""
    found = ""
    if record.init is not None:
        corpora = ", ".join(dict.fromkeys(one.corpus for one in record.init.heard))
        found += f"\nTraining started from the weights of entry `{record.init.entry}` (trained on {corpora})."
    if record.teacher is not None:
        found += (
            f"\nDistilled: {percent(record.teacher.share)} % of each training label is the out-of-fold answer of entry "
            f"`{record.teacher.entry}`."
        )
    return found


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

The training data is acted or synthetic emotion from one corpus and language. Expect lower scores on other speech. Do
not use the model to judge people in employment, education, policing or health care. A probability does not measure what
somebody feels.

## Check

Before this bundle was written, a fresh process predicted {record.check.clips:,} test clips again from raw audio. The
largest difference of a probability was {record.check.largest_difference:.1e}.
"""


def _light(record: BundleRecord) -> str:
    """The files for other runtimes, how to use them, and what each check found; empty without such files."""
    if not record.light:
        return ""
    spec, first = record.features, record.light[0]
    rows = "\n".join(
        f"| `{one.path}` | {one.bytes / 2**20:.2f} | {one.runtime} | {one.check.same_label} of {one.check.clips} | "
        f"{one.check.largest_difference:.1e} |"
        for one in record.light
    )
    return f"""## Without serbench

```
pip install numpy soundfile {_PACKAGES.get(first.format, first.runtime.split()[0])}
python run.py --runtime {first.format} FILE ...
```

Each file below is a graph of its own. Input `waveform`: float32, {spec.n_samples:,} samples, mono,
{spec.sample_rate:,} Hz. Output: the probabilities of {", ".join(map(escape_markdown, record.labels))}. Front end and
normalisation are inside; `run.py` pads short files and cuts long ones into windows. In a fresh process that could
import neither serbench nor librosa, `run.py` labelled the test clips from their audio files; `proof/` holds the
difference of each clip.

| file | MiB | runtime | same label | largest difference |
|---|---|---|---|---|
{rows}
"""
