"""Estimates an export before it is requested: rows, size, pages, seconds, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages, totals
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.totals import Count
from auditsaas.events.stored import stored_event
from auditsaas.exports.formats import FORMATS, Format
from auditsaas.exports.limits import TooManyRows, pages_of, refuse_too_many

SAMPLE: Final = 50
"""The newest matching events, by whose length the size is estimated."""


@dataclass(frozen=True)
class Rate:
    """A format's measured bytes and speed per event (``make bench``)."""

    share: float
    """Bytes in the file for a byte of the event as JSON."""
    rows_a_second: int


RATES: Final[Mapping[str, Rate]] = {
    "csv": Rate(0.52, 60_000),
    "pdf": Rate(0.15, 3_000),
    "jsonl": Rate(1.0, 60_000),
    "xlsx": Rate(0.12, 20_000),
    "parquet": Rate(0.08, 40_000),
}


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """An estimate; ``refusal`` says why the export would not be started."""

    format: Format
    rows: int
    exact: bool
    """False where there are at least so many rows."""
    bytes: int
    seconds: int
    pages: int | None
    refusal: str | None


def preflight(
    session: Session,
    slugs: Mapping[UUID, str],
    event_filter: EventFilter,
    formats: Sequence[Format] = tuple(FORMATS.values()),
    *,
    row_limits: Mapping[str, int],
    shares: Shares | None = None,
) -> list[Preflight]:
    """Estimate the file of each format, in the same order."""
    workspaces = sorted(slugs)
    count = totals.count(session, workspaces, event_filter, shares=shares)
    length = _length(session, slugs, event_filter)
    return [_estimate(chosen, count, length, row_limits) for chosen in formats]


def _length(session: Session, slugs: Mapping[UUID, str], event_filter: EventFilter) -> float:
    """Estimate the mean length of an event as JSON, from those of a first page."""
    page = pages.page(session, sorted(slugs), event_filter, limit=SAMPLE)
    lengths = [
        len(msgspec.json.encode(stored_event(row, slugs[row.workspace_id]))) for row in page.rows
    ]
    return sum(lengths) / len(lengths) if lengths else 0


def _estimate(
    chosen: Format, count: Count, length: float, row_limits: Mapping[str, int]
) -> Preflight:
    rate = RATES[chosen.key]
    return Preflight(
        format=chosen,
        rows=count.total,
        exact=count.exact,
        bytes=round(count.total * length * rate.share),
        seconds=1 + count.total // rate.rows_a_second,
        pages=pages_of(count.total) if chosen.key == "pdf" else None,
        refusal=_refusal(chosen, count, row_limits),
    )


def _refusal(chosen: Format, count: Count, row_limits: Mapping[str, int]) -> str | None:
    try:
        refuse_too_many(chosen.key, count, row_limits)
    except TooManyRows as error:
        return str(error)
    return None
