"""Reads the filter's parameters, each as its record says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from auditsaas.errors import FieldError
from auditsaas.events.filter.fields import Filter
from auditsaas.events.filter.reader import Arguments, Reader


def read(
    filters: Iterable[Filter],
    args: Arguments,
    zone: ZoneInfo,
    now: datetime,
    date_format: str,
) -> tuple[dict[str, Any], list[FieldError]]:
    """The values of a filter's fields, and what cannot be understood, by parameter."""
    reader = Reader(args)
    values: dict[str, Any] = {known.name: known.read(reader, known.name) for known in filters}
    shortest, longest = values["min_ms"], values["max_ms"]
    if shortest is not None and longest is not None and longest < shortest:
        reader.refuse("max_ms", "The longest response time is below the shortest.")
    values |= reader.search() | reader.range(zone, now, date_format)
    return values, reader.errors
