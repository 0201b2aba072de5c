"""The arms of `training_speed.py`: each is a process that trains one model, a round whenever it is told to.

A round is an epoch of one fit that never ends. It begins when a line is read from standard input, and answers with the
milliseconds of CPU time a clip, so that several processes can take turns. This file runs as a script, with the serbench
that is first on the path; the PyTorch arm needs none.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import nullcontext
from typing import Any

import numpy as np

__all__ = ["main"]

_CLASSES = 6
_FOREVER = 10**6


def main() -> None:
    """Reads the task from the first argument, then trains one round for each line."""
    task = json.loads(sys.argv[1])
    (_torch if task["arm"] == "torch" else _keras)(task, _Rounds(task["clips"]))


class _Rounds:
    """Waits before each round and tells how long it took. The first one, which traces and fills caches, is left out."""

    def __init__(self, clips: int) -> None:
        self._clips = clips
        self._rounds = 0
        self._began = 0.0

    def begin(self) -> None:
        if self._rounds and not sys.stdin.readline():
            sys.exit()
        self._began = time.process_time()

    def end(self) -> None:
        self._rounds += 1
        took = 1000 * (time.process_time() - self._began) / self._clips
        print(took if self._rounds > 1 else "ready", flush=True)


def _clips(task: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    rng, count = np.random.default_rng(0), task["clips"]
    x = rng.standard_normal((count, *task["shape"])).astype(np.float32)
    return x, np.eye(_CLASSES, dtype=np.float32)[rng.integers(0, _CLASSES, count)]


def _keras(task: dict[str, Any], rounds: _Rounds) -> None:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    from serbench import families
    from serbench.training.backend import limit_threads
    from serbench.training.data import TrainingBatches

    limit_threads("tensorflow", 1)
    family = families.get_family(task["family"])
    hp = families.parse_hyperparameters(family, task["config"])
    size = task["shape"][family.feature_axis]
    keras.config.set_dtype_policy("mixed_bfloat16" if task["precision"] == "bfloat16" else "float32")
    # Revisions before it have no `fast_training`.
    with getattr(families, "fast_training", nullcontext)():
        shape = tuple(task["shape"])
        model = families.build_model(family, hp, shape, _CLASSES, np.zeros(size), np.ones(size), 0)
    keras.config.set_dtype_policy("float32")
    model.compile(
        optimizer=families.build_optimizer(hp, 10_000),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=hp.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,
    )

    x, y = _clips(task)
    batches = TrainingBatches([x], range(len(x)), y, batch_size=hp.batch_size, mixup=hp.mixup)
    turns = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: rounds.begin(), on_epoch_end=lambda *_: rounds.end()
    )
    model.fit(batches, epochs=_FOREVER, verbose=0, callbacks=[turns])


def _torch(task: dict[str, Any], rounds: _Rounds) -> None:
    import torch

    torch.set_num_threads(1)
    config = task["config"]
    net = _torch_1d(torch, task) if task["family"] == "cnn1d" else _torch_2d(torch, task)
    optimizer = torch.optim.AdamW(net.parameters(), config["learning_rate"], weight_decay=config["weight_decay"])
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=config["label_smoothing"])
    half = task["precision"] == "bfloat16"

    clips, labels = (torch.from_numpy(part) for part in _clips(task))
    for _ in range(_FOREVER):
        rounds.begin()
        order = torch.randperm(len(clips))
        for rows in order.split(config["batch_size"]):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
                scores = net(clips[rows])
            loss_of(scores.float(), labels[rows]).backward()
            optimizer.step()
        rounds.end()


def _head(torch: Any, channels: int, config: dict[str, Any]) -> Any:
    """Average and maximum over time, the hidden dense layer if there is one, and the classes."""
    nn: Any = torch.nn

    class Pooled(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.cat([x.mean(-1), x.amax(-1)], 1)

    drop, width = config["dense_dropout"], config["dense_width"]
    hidden = (nn.Dropout(drop), nn.Linear(2 * channels, width), nn.ReLU()) if width else ()
    return nn.Sequential(Pooled(), *hidden, nn.Dropout(drop), nn.Linear(width or 2 * channels, _CLASSES))


def _torch_1d(torch: Any, task: dict[str, Any]) -> Any:
    nn: Any = torch.nn
    config = task["config"]

    class Frames(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.transpose(1, 2)

    layers, before = [Frames()], task["shape"][1]
    for filters in task["filters"]:
        layers += [
            nn.Conv1d(before, filters, config["kernel_size"], padding="same", bias=False), nn.BatchNorm1d(filters),
            nn.ReLU(), nn.MaxPool1d(config["pool_size"]), nn.Dropout(config["dropout"]),
        ]  # fmt: skip
        before = filters
    return nn.Sequential(*layers, _head(torch, before, config))


def _torch_2d(torch: Any, task: dict[str, Any]) -> Any:
    nn: Any = torch.nn
    config = task["config"]

    class Image(nn.Module):
        def forward(self, x: Any) -> Any:
            return x[:, None].to(memory_format=torch.channels_last)

    class Folded(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.flatten(1, 2)

    stem, *others = task["filters"]
    side, size = config["stem_kernel"], config["pool_size"]
    layers = [
        Image(), nn.Conv2d(1, stem, side, config["stem_stride"], side // 2, bias=False), nn.BatchNorm2d(stem),
        nn.ReLU(), nn.MaxPool2d((size, 1)),
    ]  # fmt: skip
    before = stem
    for filters in others:
        conv = nn.Conv2d(before, filters, config["kernel_size"], padding="same", bias=False)
        layers += [conv, nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(size)]
        before = filters
    bands = task["shape"][0] // config["stem_stride"] // size ** len(task["filters"])
    last = config["time_filters"]
    time_conv = (nn.Conv1d(before * bands, last, 3, padding="same", bias=False), nn.BatchNorm1d(last), nn.ReLU())
    net = nn.Sequential(*layers, Folded(), *time_conv, _head(torch, last, config))
    return net.to(memory_format=torch.channels_last)


if __name__ == "__main__":
    main()
