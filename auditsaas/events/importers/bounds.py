"""Keeps one line from holding so many fields that reading it takes long."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

from auditsaas.events.importers.outcome import LineError

MOST_FIELDS = 2000
"""Of a line, or columns of a table."""

Item = TypeVar("Item")


def few(items: Iterator[Item]) -> list[Item]:
    """Return the items. Raise LineError if there are more than a line may hold."""
    found = list(islice(items, MOST_FIELDS + 1))
    if len(found) > MOST_FIELDS:
        raise too_many()
    return found


def too_many() -> LineError:
    return LineError(f"holds more than {MOST_FIELDS:,} fields")
