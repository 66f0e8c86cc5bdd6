"""The periods that a log may open with, where its address names none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from auditsaas.events.filter.period import PRESETS
from auditsaas.events.filter.reader import ALL_TIME

OPENING: Final[Mapping[str, str]] = {
    **{key: PRESETS[key] for key in ("today", "last_7_days", "last_30_days", "last_90_days")},
    ALL_TIME: "All Time",
}
"""Words by key, the shortest first. All end with today: one before it would hide what is new."""

_LENGTHS: Final = {key: length for length, key in enumerate(OPENING)}


def longest(keys: Iterable[str]) -> str:
    """Return the period that holds every other; all time where none is given."""
    return max(keys, key=_LENGTHS.__getitem__, default=ALL_TIME)
