"""The folder that somebody needs to compete on a study's test set with another tool."""

from __future__ import annotations

import html
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from serbench.corpora import UNKNOWN_SPEAKER, people_of
from serbench.errors import SerbenchError, UsageError
from serbench.printable import printable
from serbench.records import publish_folder
from serbench.references.task import ReferenceTask

__all__ = ["write_task"]


def write_task(tasks: Sequence[ReferenceTask], to: Path) -> dict[str, Path]:
    """Writes clips, labels, the protocol in words, the audio of the test clips, and a form to fill in.

    Neither labels of test clips are written nor their file names, which hold the label in most corpora: copies of their
    audio have names that tell nothing, and the clips are listed in the order of these. No path names this machine.

    Args:
        tasks: the study's test set; of a folded protocol one for each fold.
        to: the new folder.

    Returns:
        The folder that the paths of training and validation clips are relative to, by the name of the corpus. If
        corpora are merged, the paths begin with that name.

    Raises:
        UsageError: the folder exists.
        SerbenchError: it cannot be written, or audio is missing.
    """
    if to.exists():
        raise UsageError(f"{to} exists; name a new folder with --to")
    roots = _roots(tasks)
    with publish_folder(to) as folder:
        for task in tasks:
            place = folder / f"fold-{task.study.protocol.fold}" if len(tasks) > 1 else folder
            place.mkdir(exist_ok=True)
            for name, rows in (("train", task.split.train), ("validation", task.split.validation)):
                _listed(task, rows, roots).to_csv(place / f"{name}.csv", index=False)
            _copied(task, folder).to_csv(place / "test.csv", index=False)
        form = pd.DataFrame({"clip_id": [name for task in tasks for name in sorted(task.test_names)]})
        for label in tasks[0].labels:
            form[f"p_{label}"] = ""
        form.to_csv(folder / "predictions.csv", index=False)
        (folder / "README.md").write_text(_in_words(tasks, roots), encoding="utf-8")
    return roots


def _roots(tasks: Sequence[ReferenceTask]) -> dict[str, Path]:
    paths = pd.concat([pd.Series(list(task.clips["path"]), index=_parts(task)) for task in tasks])
    folders = paths.map(lambda path: str(Path(path).parent))
    return {str(part): Path(os.path.commonpath(list(folders.loc[[part]]))) for part in folders.index.unique()}


def _parts(task: ReferenceTask) -> list[str]:
    return [part for part, _ in people_of(task.clips, task.study.corpus)]


def _listed(task: ReferenceTask, rows: tuple[int, ...], roots: Mapping[str, Path]) -> pd.DataFrame:
    parts = _parts(task)
    paths = []
    for row in rows:
        path = Path(task.clips["path"].iloc[row]).relative_to(roots[parts[row]])
        paths.append((parts[row] / path if len(roots) > 1 else path).as_posix())
    clips = task.clips.iloc[list(rows)]
    return clips[["clip_id"]].assign(path=paths, speaker=clips["speaker"], label=clips["label"])


def _copied(task: ReferenceTask, folder: Path) -> pd.DataFrame:
    """Copies the audio of the test clips into the folder, and lists it."""
    (folder / "test").mkdir(exist_ok=True)
    clips = task.clips.iloc[list(task.split.test)].set_index("clip_id")
    found = []
    for done, (name, clip) in enumerate(sorted(task.test_names.items())):
        task.progress("copying test clips", done, len(clips))
        source = Path(str(clips.at[clip, "path"]))
        copy = Path("test", name + source.suffix.lower())
        try:
            shutil.copyfile(source, folder / copy)
        except FileNotFoundError:
            raise SerbenchError(f"{source} is gone; put it back, or name the corpus's folder with --data") from None
        found.append({"clip_id": name, "path": copy.as_posix(), "speaker": clips.at[clip, "speaker"]})
    task.progress("copying test clips", len(clips), len(clips))
    return pd.DataFrame(found)


def _in_words(tasks: Sequence[ReferenceTask], roots: Mapping[str, Path]) -> str:
    study, folds = tasks[0].study, len(tasks)
    corpus, protocol, labels = study.corpus, study.protocol, ", ".join(map(_harmless, tasks[0].labels))
    tested = sum(len(task.split.test) for task in tasks)
    shared = _speakers_in_words(tasks)
    folded = (
        f"\nThere are {folds} folds, each in a folder of its own. Train one model a fold; every clip is tested once.\n"
        if folds > 1
        else ""
    )
    licence = _harmless(corpus.licence) or "ask who made it"
    home = _home(_harmless(corpus.title), roots)
    where = "fold-1/" if folds > 1 else ""
    parts = [f"fold-{task.study.protocol.fold}" for task in tasks] if folds > 1 else ["."]
    return f"""# Predict {tested:,} test clips of {_harmless(corpus.title)}

Labels: {labels}. Protocol: `{protocol.name}`, split seed {protocol.split_seed}. {shared}
{folded}
- `{where}train.csv`: clips to learn from. `{where}validation.csv`: clips to choose by (settings, epochs). You may learn
  from them, too, once everything is chosen.
- `{where}test.csv`: clips to predict, without labels. Their audio is in `test/`, under names that tell nothing. Do not
  look for them in the corpus.
- `predictions.csv`: the form. Fill in a probability for each label (or replace these columns by one column `label`).

Paths of training and validation clips are relative to {home}, those of test clips to
this one. The licence of the corpus ({licence}) holds for the copies in `test/`, too.

Choose everything before you predict the test clips, and predict them once: each set of predictions is counted. Then, on
the machine with the study, with `--results DIR` if its results are in another folder than `results`:

```
serbench submit predictions.csv --study {study.name} --name "MY METHOD"
```

## With scikit-learn

```python
{FEATURES}
{SKLEARN.format(labels=list(tasks[0].labels), parts=parts)}```

## With PyTorch

After the same imports and `features`:

```python
{PYTORCH.format(labels=list(tasks[0].labels), parts=parts)}```
"""


def _speakers_in_words(tasks: Sequence[ReferenceTask]) -> str:
    """Says in words which speakers are in which sets."""
    if tasks[0].study.protocol.shares_speakers:
        return "Test speakers may be in training, too, which makes scores too high for new people."
    sentence = "No test speaker is in training or validation."
    for task in tasks:
        people = [
            set(task.clips["speaker"].iloc[list(rows)]) - {UNKNOWN_SPEAKER}
            for rows in (task.split.train, task.split.validation)
        ]
        if both := people[0] & people[1]:
            who = "one speaker is" if len(both) == 1 else f"{len(both)} speakers are"
            return f"{sentence} But {who} in training and validation, so validation scores are too high for new people."
    return sentence


def _harmless(text: str) -> str:
    """A name of somebody's corpus for Markdown: one line, and no HTML."""
    return html.escape(printable(text), quote=False)


def _home(title: str, roots: Mapping[str, Path]) -> str:
    if len(roots) == 1:
        return f"the folder of the corpus ({title}) that holds all its audio"
    names = ", ".join(map(_harmless, roots))
    return f"a folder of folders ({names}): under each name the audio of that corpus, or a link to it"


FEATURES = """\
import librosa, numpy as np, pandas as pd

AUDIO = "FOLDER_OF_THE_CORPUS"
def table(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)
def features(clips, folder):
    sounds = (librosa.load(f"{folder}/{path}", sr=16000)[0] for path in clips["path"])
    frames = [librosa.feature.mfcc(y=sound, sr=16000) for sound in sounds]
    return np.stack([np.r_[one.mean(axis=1), one.std(axis=1)] for one in frames]).astype("float32")
"""

SKLEARN = """\
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

labels, answers = {labels}, []
for part in {parts}:
    train, test = table(f"{{part}}/train.csv"), table(f"{{part}}/test.csv")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(features(train, AUDIO), train["label"])
    columns = [f"p_{{label}}" for label in model.classes_]
    answers.append(pd.DataFrame(model.predict_proba(features(test, ".")), test["clip_id"], columns))
form = pd.concat(answers).reindex(columns=[f"p_{{label}}" for label in labels]).fillna(0)  # a fold may lack one
form.reset_index().to_csv("predictions.csv", index=False)
"""

PYTORCH = """\
import torch

labels, answers = {labels}, []
for part in {parts}:
    train, test = table(f"{{part}}/train.csv"), table(f"{{part}}/test.csv")
    x, y = torch.tensor(features(train, AUDIO)), torch.tensor([labels.index(label) for label in train["label"]])
    mean, deviation = x.mean(0), x.std(0)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, len(labels)))
    optimizer = torch.optim.AdamW(net.parameters())
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net((x - mean) / deviation), y).backward()
        optimizer.step()
    shares = net((torch.tensor(features(test, ".")) - mean) / deviation).softmax(dim=1).detach().numpy()
    answers.append(pd.DataFrame(shares, test["clip_id"], [f"p_{{label}}" for label in labels]))
pd.concat(answers).reset_index().to_csv("predictions.csv", index=False)
"""
