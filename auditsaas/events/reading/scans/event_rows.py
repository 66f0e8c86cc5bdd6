"""Rows of events as readers get them, with the state of their actors as known now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select

from auditsaas.events.models import actors, events
from auditsaas.events.presenter import TableRow
from auditsaas.events.reading.scans.cursor import Cursor

ROW_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column if column.key != "ip" else func.host(column).label("ip") for column in events.c
)
"""The columns of a row; an address without its /32."""


@dataclass(frozen=True)
class RowColumns:
    """The columns of the rows of a page, of the events and of what is known of their actors."""

    of_event: tuple[ColumnElement[Any], ...]
    of_actor: tuple[ColumnElement[Any], ...] = ()


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
PLACE: Final = RowColumns((events.c.workspace_id, events.c.id))
"""Which events they are, for links to them."""


def with_actors(
    found: Select[Any], columns: RowColumns, cursor: Cursor, of: Collection[UUID] = ()
) -> Select[Any]:
    """Join the actors' present role and status to limited rows, in the cursor's order.

    ``of`` names the rows' workspaces, so that no plan can begin with all workspaces' actors.
    """
    if not columns.of_actor:
        return found
    row = found.subquery("row")
    same = [actors.c.workspace_id == row.c.workspace_id, actors.c.id == row.c.actor_id]
    if of:
        same.append(actors.c.workspace_id.in_(of))
    return (
        select(row, *columns.of_actor)
        .select_from(row)
        .outerjoin(actors, and_(*same))
        .order_by(cursor.order(row.c.id))
    )
