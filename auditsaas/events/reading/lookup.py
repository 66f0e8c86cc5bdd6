"""Finds single events by what names them: their id, their number, or their request's id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading import pages
from auditsaas.events.reading.scans.event_rows import PLACE
from auditsaas.events.search.parser import Term, parse, unparse

MOST: Final = 20


def by_id(session: Session, workspace_ids: Sequence[UUID], event_id: UUID) -> Sequence[Any]:
    """Find the event in each of these logs that has the id: (workspace_id, id, seq)."""
    return _where(session, workspace_ids, events.c.id == event_id)


def by_number(session: Session, workspace_ids: Sequence[UUID], seq: int) -> Sequence[Any]:
    """Find the event of each of these logs that has the number: (workspace_id, id, seq)."""
    return _where(session, workspace_ids, events.c.seq == seq)


def of_request(session: Session, workspace_ids: Sequence[UUID], request_id: str) -> Sequence[Any]:
    """Find the newest two events of a request: (workspace_id, id)."""
    query = of_request_query(request_id)
    event_filter = EventFilter(q=query, terms=parse(query))
    return pages.page(session, workspace_ids, event_filter, limit=2, columns=PLACE).rows


def of_request_query(request_id: str) -> str:
    """Write the search for the events of a request."""
    return unparse([Term(False, "request", (request_id,), "=", 0, 0)])


def _where(
    session: Session, workspace_ids: Sequence[UUID], chosen: ColumnElement[bool]
) -> Sequence[Any]:
    found = select(events.c.workspace_id, events.c.id, events.c.seq)
    found = found.where(events.c.workspace_id.in_(workspace_ids), chosen)
    return session.execute(found.order_by(events.c.workspace_id).limit(MOST)).all()
