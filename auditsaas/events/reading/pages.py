"""Reading the log by keyset: pages and single events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.db.ids import time_of
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import log_heads
from auditsaas.events.reading.scans import whole_log
from auditsaas.events.reading.scans.cursor import Cursor
from auditsaas.events.reading.scans.event_rows import WHOLE, RowColumns
from auditsaas.events.reading.scans.source import source


@dataclass(frozen=True)
class Page:
    """Some events, newest first, and whether there may be more on either side.

    ``searched_to`` is set where time ran out before the page was full: everything newer than
    that id (older, when paging back) was looked at.
    """

    rows: Sequence[Any]
    """Named tuples of the columns that were asked for."""
    older: bool
    newer: bool
    searched_to: UUID | None = None

    @property
    def searched_back_to(self) -> datetime | None:
        return None if self.searched_to is None else time_of(self.searched_to)


def page(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    *,
    limit: int,
    before: UUID | None = None,
    after: UUID | None = None,
    columns: RowColumns = WHOLE,
) -> Page:
    """Read one page by keyset: the newest events, those before an id, or those just after one.

    ``columns`` are those of its rows, which take the longer to read the more there are.
    """
    cursor = Cursor(before) if after is None else Cursor(after, older=False)
    logs = source(session, workspace_ids, event_filter)
    rows, searched_to = logs.page(limit + 1, cursor, columns)
    more = len(rows) > limit or searched_to is not None
    rows = rows[:limit]
    if cursor.older:
        return Page(rows, older=more, newer=before is not None, searched_to=searched_to)
    rows.reverse()
    return Page(rows, older=bool(rows), newer=more, searched_to=searched_to)


def event(session: Session, workspace_id: UUID, event_id: UUID) -> Any | None:
    """Read one event of a workspace; None where it holds no such event."""
    return whole_log.event(session, workspace_id, event_id)


def heads(session: Session, workspace_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Read each log's last sequence number: everything up to it is committed and can be seen."""
    rows = session.execute(
        select(log_heads.c.workspace_id, log_heads.c.seq).where(
            log_heads.c.workspace_id.in_(workspace_ids)
        )
    )
    return {row.workspace_id: row.seq for row in rows}
