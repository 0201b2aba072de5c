"""`Finding`: what one check of an audit says."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from serbench.records.base import FrozenModel

__all__ = ["Finding", "Level"]

Level = Literal["ok", "note", "warning", "alarm", "skipped"]


class Finding(FrozenModel):
    """What one check says."""

    check: str
    level: Level
    verdict: str = Field(description="one plain sentence")
    numbers: dict[str, float | int | str | None]
    table: tuple[dict[str, float | int | str | None], ...] = ()
