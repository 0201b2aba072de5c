"""Differences between two study records that make them two studies, described for the user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serbench.errors import UsageError
from serbench.records import CorpusFacts, StudyRecord

__all__ = ["check_unchanged", "differences"]


def check_unchanged(known: StudyRecord, asked: StudyRecord) -> None:
    """Checks that a study that has begun can go on as it is asked for.

    Args:
        known: its record.
        asked: the record that it would have if it began now.

    Raises:
        UsageError: it was begun with other settings. The message shows the difference.
    """
    if changed := list(differences(known, asked)):
        raise UsageError(
            f"study '{asked.name}' was begun with other settings: {'; '.join(changed)}. Go back to "
            "them, or begin another study with --study NAME"
        )


def differences(known: StudyRecord, asked: StudyRecord) -> Iterator[str]:
    """Yields each difference between two records that makes them two studies, described for the user."""
    if known.space_hash != asked.space_hash:
        old, new = _flat(_alike(known.space, asked.space)), _flat(_alike(asked.space, known.space))
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield f"space {key}: {old.get(key, 'absent')} -> {new.get(key, 'absent')}"
    if known.protocol.hash != asked.protocol.hash:
        for name in ("name", "test_core", "validation_core", "split_seed"):
            old_value, new_value = getattr(known.protocol, name), getattr(asked.protocol, name)
            if old_value != new_value:
                yield f"protocol {name}: {old_value} -> {new_value}"
        if known.protocol.name == asked.protocol.name and known.protocol.split_seed == asked.protocol.split_seed:
            yield f"protocol hash: {known.protocol.hash} -> {asked.protocol.hash}"
    yield from _other_clips(known.corpus, asked.corpus)
    if known.environment.backend != asked.environment.backend:
        yield f"backend: {known.environment.backend} -> {asked.environment.backend}"
    old_start, new_start = (record.warm_start and record.warm_start.study for record in (known, asked))
    if new_start is not None and old_start != new_start:
        yield f"warm start: {old_start or 'none'} -> {new_start}"
    yield from _other_transfer(known, asked)
    for name in ("seed", "sampler", "pruner"):
        if getattr(known, name) != getattr(asked, name):
            yield f"{name}: {getattr(known, name)} -> {getattr(asked, name)}"


def _other_transfer(known: StudyRecord, asked: StudyRecord) -> Iterator[str]:
    old_init, new_init = (record.init and record.init.sha256 for record in (known, asked))
    if old_init != new_init:
        old, new = (record.init.entry if record.init else "none" for record in (known, asked))
        yield f"init: {old} -> {new}" + (" (another model of that name)" if old == new else "")
    before, after = (record.teacher and (record.teacher.answers, record.teacher.share) for record in (known, asked))
    if before != after:
        old, new = (record.teacher.entry if record.teacher else "none" for record in (known, asked))
        yield f"teacher: {old} -> {new}" + (" (other answers or another share of them)" if old == new else "")


def _other_clips(known: CorpusFacts, asked: CorpusFacts) -> Iterator[str]:
    if known.votes != asked.votes:
        yield "what listeners heard (the corpus's table of votes), which soft_labels trains on"
    if known.label_source != asked.label_source:
        yield f"labels: {known.label_source} -> {asked.label_source}"
    elif known.digest != asked.digest:
        yield (
            f"corpus {known.name} with {known.clips} usable clips -> {asked.name} with {asked.clips} (or other audio)"
            f"{_usable_now(known, asked)}"
        )


def _usable_now(known: CorpusFacts, asked: CorpusFacts) -> str:
    """Names the clips that were left out and can be used now, as the end of a sentence; '' unless they explain all."""
    from serbench.render import left_out

    still = {one.clip_id for one in asked.excluded}
    usable = [one for one in known.excluded if one.clip_id not in still]
    if not usable or asked.clips != known.clips + len(usable):
        return ""
    return f": clips that were left out then can be used now, {left_out(usable)}; move them away to go on"


def _alike(space: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Returns the space for a comparison: an enqueued configuration that the other space lacks is only named."""
    shared = other.get("enqueue", {})
    enqueued = {name: item if name in shared else "there" for name, item in space.get("enqueue", {}).items()}
    return {**space, "enqueue": enqueued}


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """Flattens nested dictionaries to dotted paths. A searched parameter stays one value, so a change is one line."""
    if isinstance(value, dict) and not prefix.startswith("parameters."):
        return {
            path: text
            for key, item in value.items()
            for path, text in _flat(item, f"{prefix}.{key}" if prefix else key).items()
        }
    return {prefix: _dimension_text(value) if isinstance(value, dict) else str(value)}


def _dimension_text(dimension: dict[str, Any]) -> str:
    """A dimension as a person reads it.

    >>> _dimension_text({"when": {"optimizer": ["sgd"]}, "low": 0.0, "high": 0.9, "log": False, "step": None})
    '0.0 ... 0.9 (when optimizer = sgd)'
    """
    rest = {key: value for key, value in dimension.items() if value}
    conditions = rest.pop("when", {})
    if "value" in dimension:
        text = str(dimension["value"])
    elif "choices" in dimension:
        text = " | ".join(map(str, dimension["choices"]))
    else:
        text = f"{dimension['low']} ... {dimension['high']}"
        text += " (log)" if rest.get("log") else f" (step {rest['step']})" if rest.get("step") else ""
    when = " and ".join(f"{name} = {' or '.join(map(str, values))}" for name, values in conditions.items())
    return f"{text} (when {when})" if when else text
