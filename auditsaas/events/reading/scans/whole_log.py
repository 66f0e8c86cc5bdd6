"""Reads a page of one whole log, the page that is asked for most, and an event by its id.

SQLAlchemy takes as long to build such a statement as PostgreSQL takes to answer it. So each is
built once, and its values are parameters.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Uuid, bindparam, select
from sqlalchemy.orm import Session

from auditsaas.events.models import events
from auditsaas.events.reading.scans.cursor import Cursor
from auditsaas.events.reading.scans.event_rows import WHOLE, RowColumns, with_actors

_WORKSPACE = bindparam("workspace", type_=Uuid())
_ID = bindparam("id", type_=Uuid())
_LIMIT = bindparam("limit", type_=Integer(), literal_execute=True)
"""Written into the statement, as ``cursor.first`` is and for the same reason."""


def page(
    session: Session, workspace_id: UUID, limit: int, cursor: Cursor, columns: RowColumns
) -> list[Any]:
    """Read the next rows beyond the cursor."""
    beyond = cursor.id is not None
    given = {"workspace": workspace_id, "limit": limit} | ({"id": cursor.id} if beyond else {})
    return columns.read(session, _page(columns, cursor.older, beyond), given)


def event(session: Session, workspace_id: UUID, event_id: UUID) -> Any | None:
    """Read one event of a workspace; None where it holds no such event."""
    found = WHOLE.read(session, _event(), {"workspace": workspace_id, "id": event_id})
    return found[0] if found else None


@cache
def _page(columns: RowColumns, older: bool, beyond: bool) -> Select[Any]:
    cursor = Cursor(older=older)
    found = select(*columns.of_event).where(events.c.workspace_id == _WORKSPACE)
    if beyond:
        found = found.where(events.c.id < _ID if older else events.c.id > _ID)
    found = found.order_by(cursor.order(events.c.id)).limit(_LIMIT)
    return with_actors(found, columns, cursor, [_WORKSPACE])


@cache
def _event() -> Select[Any]:
    found = select(*WHOLE.of_event).where(events.c.workspace_id == _WORKSPACE, events.c.id == _ID)
    return with_actors(found, WHOLE, Cursor(), [_WORKSPACE])
