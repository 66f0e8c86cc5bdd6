"""Parts a log into the pieces of a file that are proven each by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events
from auditsaas.events.reading.scans.index_scan import IndexScan, index_scans
from auditsaas.evidence.bundles.lines import Part
from auditsaas.evidence.bundles.numbers import first_number, refuse_too_many
from auditsaas.evidence.bundles.question import question

LATE = ".late"
"""What the files of late events have behind their name."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The events of one kind in a file: those of its period, or those of before that came late."""

    name: str
    """What stands behind the file's own name; '' for the events of its period."""
    scan: IndexScan
    part: Part

    def rows(self, columns: Sequence[ColumnElement[Any]], *, first: int, last: int) -> Select[Any]:
        """Select the events of numbers first … last, in their order."""
        numbered = events.c.seq.between(first, last)
        return self.scan.matching(columns).where(numbered).order_by(events.c.seq)

    def matching(self, session: Session, first: int, last: int) -> Collection[int]:
        """Return the numbers of first … last that are in the file."""
        return set(session.scalars(self.rows([events.c.seq], first=first, last=last)))


@dataclass(frozen=True, kw_only=True)
class Log:
    """The log of a file, up to its last number; ``since`` is that of the report before."""

    workspace_id: UUID
    event_filter: EventFilter
    """As ``provable`` writes it, with people as events name them."""
    last: int
    since: int | None = None


def pieces(session: Session, log: Log, cut: int) -> list[Piece]:
    """Part the log of a file, of which retention removed what occurred before ``cut``.

    Raises:
        TooManyNumbers: a proof would cover more numbers than it may.
    """
    here = log.workspace_id
    since = None if log.since is None else {here: log.since}
    scans = index_scans(session, [here], log.event_filter, {here: log.last}, since)
    return [
        Piece(
            name=name,
            scan=scan,
            part=Part(
                workspace_id=here,
                first=first,
                last=log.last,
                question=question(event_filter),
                cut=cut,
            ),
        )
        for scan, (name, first, event_filter) in zip(scans, _ranges(session, log), strict=False)
    ]


def _ranges(session: Session, log: Log) -> Iterator[tuple[str, int, EventFilter]]:
    """Yield name, first number and filter of each piece."""
    start = log.event_filter.period.start
    first = first_number(session, log.workspace_id, log.last, start)
    refuse_too_many(first, log.last)
    yield "", first, log.event_filter
    if log.since is not None and start is not None and log.since < log.last:
        refuse_too_many(log.since + 1, log.last)
        yield LATE, log.since + 1, log.event_filter.with_period(TimeRange(None, start))
