"""Rows of events as readers get them, with the state of their actors as known now."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select

from auditsaas.events.models import actors, events
from auditsaas.events.reading.scans.cursor import Cursor

ROW_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column if column.key != "ip" else func.host(column).label("ip") for column in events.c
)
"""The columns of a row; an address without its /32."""


def with_actors(found: Select[Any], cursor: Cursor, of: Collection[UUID] = ()) -> Select[Any]:
    """Join the actors' present role and status to limited rows, in the cursor's order.

    ``of`` names the rows' workspaces, so that no plan can begin with all workspaces' actors.
    """
    row = found.subquery("row")
    same = [actors.c.workspace_id == row.c.workspace_id, actors.c.id == row.c.actor_id]
    if of:
        same.append(actors.c.workspace_id.in_(of))
    return (
        select(
            row,
            actors.c.status.label("actor_status_now"),
            actors.c.role.label("actor_role_now"),
            actors.c.source.label("actor_source_now"),
        )
        .select_from(row)
        .outerjoin(actors, and_(*same))
        .order_by(cursor.order(row.c.id))
    )
