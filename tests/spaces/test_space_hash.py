"""What the hash of a space is made of: whatever changes what is searched, and nothing else."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest
from spaces_made import SEARCHES, SHIPPED, TEXT

from serbench.records.files import digest_of
from serbench.spaces import load_space
from serbench.spaces.dimensions import Choice, Dimension, FloatRange, IntRange
from serbench.spaces.space import Budget


def shuffled(text: str, seed: int) -> str:
    """The same tables and keys in another order, with comments."""
    rng = random.Random(seed)
    tables = [part for part in re.split(r"(?m)^(?=\[)", text) if part.strip()]
    rng.shuffle(tables)
    written = []
    for table in tables:
        head, *lines = table.strip().splitlines()
        rng.shuffle(lines)
        written += ["# a comment", head, *(f"  {line}   # why" for line in lines), ""]
    return "\n".join(written)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", SHIPPED)
def test_comments_and_order_do_not_count(name: str, seed: int, space_of) -> None:
    text = load_space(name).text
    assert space_of(shuffled(text, seed)).hash == load_space(name).hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('family = "cnn1d"', 'family = "cnn1d"\nname = "other"\ntitle = "Other"'),
        ("[training]", "[budget]\ntrials = 99\n[training]"),
        ("test_core = 20", 'test_core = "20.0"'),
        ("low = 0.0, high = 0.4", "low = 0, high = 0.40"),
        ('{ optimizer = "sgd" }', '{ optimizer = ["sgd"] }'),
        ("batch_size = 32", "batch_size = { value = 32 }"),
        ('optimizer = ["adam", "sgd"]', 'optimizer = { choices = ["adam", "sgd"] }'),
    ],
)
def test_what_means_the_same_has_the_same_hash(old: str, new: str, space_of) -> None:
    assert TEXT.count(old) == 1
    assert space_of(TEXT.replace(old, new)).hash == space_of().hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('family = "cnn1d"', 'family = "cnn2d"'),
        ("validation_core = 10", "validation_core = 9"),
        ("n_mfcc = 13", "n_mfcc = 14"),
        ("epochs = 20", "epochs = 21"),
        ("batch_size = 32", "batch_size = 64"),
        ("batch_size = 32", ""),
        ('["adam", "sgd"]', '["adam", "sgd", "nadam"]'),
        (", log = true", ""),
        (", step = 16", ""),
        (', when = { optimizer = "sgd" }', ""),
        ('name = "known"', 'name = "other"'),
        ("finalist = true", "finalist = false"),
        ("depth = 3,", "depth = 4,"),
    ],
)
def test_what_means_something_else_has_another_hash(old: str, new: str, space_of) -> None:
    assert TEXT.count(old) == 1
    assert space_of(TEXT.replace(old, new)).hash != space_of().hash


def moved(dimension: Dimension) -> list[Dimension]:
    """A dimension with each of its bounds moved in turn."""
    changes: list[dict[str, Any]] = []
    if isinstance(dimension, IntRange | FloatRange):
        step = dimension.step or (1 if isinstance(dimension, IntRange) else dimension.high / 100)
        changes = [{"low": dimension.low + step}, {"high": dimension.high - step}, {"log": not dimension.log}]
    if isinstance(dimension, Choice):
        changes = [{"choices": dimension.choices[:-1]}, {"choices": dimension.choices[::-1]}]
    return [dimension.model_copy(update=change) for change in changes]


@pytest.mark.parametrize("name", SEARCHES)
def test_every_bound_of_every_parameter_counts(name: str) -> None:
    space = load_space(name)
    hashes, spaces = {space.hash}, 1
    for parameter, dimension in space.parameters.items():
        for other in moved(dimension):
            hashes.add(replace(space, parameters=space.parameters | {parameter: other}).hash)
            spaces += 1
    assert spaces > 20
    assert len(hashes) == spaces


def test_the_hash_is_that_of_what_is_described(space_of) -> None:
    space = space_of()
    described = space.describe()
    assert json.loads(json.dumps(described)) == described
    assert digest_of(described) == space.hash
    assert replace(space, text="", title="x", name="x", budget=Budget(trials=1)).hash == space.hash
