"""The model card: the model, its training data, its scores and its limits.

It begins with the metadata that the Hugging Face Hub reads (https://huggingface.co/docs/hub/model-cards), so that the
folder of a bundle can be pushed as it stands.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from serbench.audit.robustness import ROBUSTNESS_HEADER, Robustness, robustness_rows, robustness_verdict
from serbench.corpora import is_acted
from serbench.export.bundle import BundleRecord, LightFile
from serbench.printable import printable_lines
from serbench.records import StudyRecord
from serbench.render import escape_markdown, left_out, percent, plural, span, speakers, whose_labels
from serbench.results import EntryReport, Row
from serbench.search import placeholder_note, search_command

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
    whose = f"test, mean of {plural(row.seeds, 'run')}"
    if record.joined:
        whose += "; by the model of each fold for its test speakers, not by the joined model"
    measured = [
        {"type": kind, "name": f"{name} ({whose})", "value": round(value, 4)}
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
    return [_HUB_TAGS.get(one.format, one.format) for one in record.light if one.int8 is None]


def _head(record: BundleRecord) -> str:
    corpus, spec = record.corpus, record.features
    synthetic = (
        "\n\n**The corpus is synthetic: the scores say nothing about human speech.**" if corpus.synthetic else ""
    )
    title, labels = escape_markdown(corpus.title), ", ".join(map(escape_markdown, record.labels))
    run = f"mean of {len(record.joined)} folds" if record.joined else f"run `{record.refit}`"
    return f"""# Speech emotion recognition: {record.family} on {title}

Classifies an audio file as {labels}. Made by serbench {record.environment.serbench}: entry
`{record.entry}` of study `{record.study}`, {run}.{synthetic}

## Use

```
serbench predict . FILE_OR_FOLDER
```

Audio may have any sample rate, number of channels and length. It is mixed to mono, resampled to
{spec.sample_rate:,} Hz and {_cut(record)}. Files longer than
{record.longest_clip_s:.1f} s are read in overlapping windows.
"""


def _cut(record: BundleRecord) -> str:
    window = f"{record.features.duration_s:g} s"
    if record.prediction_crops == 1:
        return f"cut or padded to {window}"
    return f"padded to {window}, or answered by the mean over {record.prediction_crops} windows of {window}"


def _scores(record: BundleRecord, report: EntryReport) -> str:
    row, protocol = report.row, record.protocol
    shared = (
        "are also training speakers, which inflates the scores"
        if protocol.shares_speakers
        else ("are not in the training data of their fold" if record.joined else "are not in the training data")
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
{_caveats(row)}"""


def _caveats(row: Row) -> str:
    """What makes the scores mean less than they seem to, as a list; empty if nothing is known."""
    lines = "\n".join(f"- {escape_markdown(text)}" for text in dict.fromkeys(row.warnings))
    return f"\nRead these scores with care:\n\n{lines}\n" if lines else ""


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
    """How the exported network was trained, in a sentence or two."""
    if row.folds > 1:
        one = f"the mean of {row.bag} networks" if row.bag else "one network"
        return (
            f"This is the mean of {row.folds} models, the final one of each fold: {one}, trained without the fold's "
            "test speakers. **The scores below are of one fold's model on speakers that it had not heard. The joined "
            "model has heard all of them, so no speaker of this corpus can tell how good it is for a new one.**"
        )
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

{title}: {corpus.clips:,} clips, {speakers(corpus.speakers)}. Licence: {licence} {corpus.licence_url}
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
{shlex.join(command)}
```
{again}"""


def _limits(record: BundleRecord) -> str:
    check = f"""a fresh process predicted {record.check.clips:,} test clips again from raw audio. The
largest difference of a probability was {record.check.largest_difference:.1e}."""
    if record.joined:
        worst = max(one.check.largest_difference for one in record.joined)
        clips = sum(one.check.clips for one in record.joined)
        check = f"""each of the {len(record.joined)} models of the folds predicted the test clips of its own
fold again from raw audio, {clips:,} in all. The largest difference of a probability was {worst:.1e}. A fresh
process predicted them with the joined model: it differed from the mean of the models by
{record.check.largest_difference:.1e} at most."""
    return f"""## Limits

{_speech(record)}Expect lower scores on other speech, microphones and languages. Do not use the model to judge people
in employment, education, policing or health care. A probability does not measure what somebody feels.

## Check

Before this bundle was written, {check}
"""


def _speech(record: BundleRecord) -> str:
    """The kind of the training data as a sentence and a space; empty if it is not known."""
    if record.corpus.synthetic:
        return "The training data holds synthetic speech. "
    return "The training data is acted emotion. " if is_acted(record.corpus) else ""


def _light(record: BundleRecord) -> str:
    """The files for other runtimes, how to use them, and what each check found; empty without such files."""
    if not record.light:
        return ""
    spec, first = record.features, record.light[0]
    rows = "\n".join(_light_row(one) for one in record.light if one.int8 is None)
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

| file | bytes | ms a clip | runtime | same label | largest difference |
|---|---|---|---|---|---|
{rows}
{_int8(record)}"""


def _light_row(one: LightFile) -> str:
    took = "" if one.milliseconds is None else f"{one.milliseconds:.1f}"
    return (
        f"| `{one.path}` | {one.bytes:,} | {took} | {one.runtime} | {one.check.same_label} of {one.check.clips} | "
        f"{one.check.largest_difference:.1e} |"
    )


def _int8(record: BundleRecord) -> str:
    """What the int8 files cost; empty without them."""
    files = [(one, one.int8) for one in record.light if one.int8 is not None]
    if not files:
        return ""
    facts = files[0][1]
    heard = (
        "The network was trained on these clips, too, so the change is likely to be larger on others."
        if facts.trained_on
        else "The network was not trained on them."
    )
    rows = "\n".join(
        f"| {_light_row(one).strip('| ')} | {percent(cost.uar_float)} | {percent(cost.uar)} |" for one, cost in files
    )
    return f"""
### Quantised to int8

Front end and normalisation are as above; convolutions and dense layers have weights and activations of eight bits,
calibrated with {facts.calibration_clips:,} training clips. These files do not repeat the answers above. They were
compared with the Keras model on the {files[0][0].check.clips:,} clips of the validation core, never on test clips.
{heard} Time is CPU time on one core.

| file | bytes | ms a clip | runtime | same label | largest difference | UAR % of the Keras model | UAR % |
|---|---|---|---|---|---|---|---|
{rows}
"""
