"""Rows of events as readers get them, with the state of their actors as known now."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    TextClause,
    and_,
    func,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session

from auditsaas.events.models import actors, events
from auditsaas.events.presenter import TableRow
from auditsaas.events.reading.scans.cursor import Cursor, first

ROW_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column if column.key != "ip" else func.host(column).label("ip") for column in events.c
)
"""The columns of a row; an address without its /32."""


@dataclass(frozen=True, eq=False)
class RowColumns:
    """The columns of the rows of a page, of the events and of what is known of their actors."""

    of_event: tuple[ColumnElement[Any], ...]
    of_actor: tuple[ColumnElement[Any], ...] = ()

    def read(
        self, session: Session, found: Select[Any], given: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """Read rows of these columns as named tuples.

        SQLAlchemy's own rows look each name up, which takes eight times as long; a page has a
        thousand values, and each is asked for more than once.
        """
        return list(map(self._row._make, session.execute(found, given).all()))

    @cached_property
    def _row(self) -> type[Any]:
        names = [column.key or "" for column in (*self.of_event, *self.of_actor)]
        return namedtuple("EventRow", names)


WHOLE: Final = RowColumns(
    ROW_COLUMNS,
    (
        actors.c.status.label("actor_status_now"),
        actors.c.role.label("actor_role_now"),
        actors.c.source.label("actor_source_now"),
    ),
)
"""Everything that is kept of an event."""
TABLE: Final = RowColumns(
    tuple(column for column in ROW_COLUMNS if column.key in TableRow.__annotations__),
    WHOLE.of_actor[:1],
)
"""What the table shows: metadata and changes would be fetched and decoded in vain."""
# Text, for SQLAlchemy would copy each column of each page's subquery to name it once.
_EVERYTHING: Final = text("row.*")
_OWN_ACTOR: Final = text("actors.workspace_id = row.workspace_id AND actors.id = row.actor_id")
_NEWEST, _OLDEST = text("row.id DESC"), text("row.id")
PLACE: Final = RowColumns((events.c.workspace_id, events.c.id))
"""Which events they are, for links to them."""


def merged(parts: Sequence[Select[Any]], cursor: Cursor, limit: int) -> Select[Any]:
    """Merge limited rows of several scans in the cursor's order."""
    each = (select(_EVERYTHING).select_from(part.subquery("row")) for part in parts)
    rows = select(_EVERYTHING).select_from(union_all(*each).subquery("row"))
    return rows.order_by(_NEWEST if cursor.older else _OLDEST).limit(first(limit))


def with_actors(
    found: Select[Any],
    columns: RowColumns,
    cursor: Cursor,
    of: Collection[UUID | BindParameter[UUID]] = (),
) -> Select[Any]:
    """Join the actors' present role and status to limited rows, in the cursor's order.

    ``of`` names the rows' workspaces, so that no plan can begin with all workspaces' actors.
    """
    if not columns.of_actor:
        return found
    row = found.subquery("row")
    same: list[ColumnElement[bool] | TextClause] = [_OWN_ACTOR]
    if len(of) == 1:
        same.append(actors.c.workspace_id == next(iter(of)))
    elif of:
        same.append(actors.c.workspace_id.in_(of))
    joined = select(_EVERYTHING, *columns.of_actor).select_from(row).outerjoin(actors, and_(*same))
    return joined.order_by(_NEWEST if cursor.older else _OLDEST)
