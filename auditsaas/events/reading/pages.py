"""Reading the log by keyset: pages, single events, and everything in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, union_all
from sqlalchemy.orm import Session

from auditsaas.db.ids import time_of
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import actors, events, log_heads
from auditsaas.events.reading import many_workspaces, time_windows
from auditsaas.events.reading.index_scan import Budget, Walk, branches, horizon, stretch, walks


@dataclass(frozen=True)
class Page:
    """Some events, newest first, and whether there may be more on either side.

    ``searched_to`` is set where time ran out before the page was full: everything newer than
    that id (older, when paging back) was looked at.
    """

    rows: Sequence[Row[Any]]
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
) -> Page:
    """One page by keyset: the newest events, those before an id, or those just after one."""
    older = after is None
    edge = before if older else after
    many = len(workspace_ids) > many_workspaces.MANY
    walked = [] if many else branches(session, workspace_ids, event_filter)
    if many:
        rows, searched_to = time_windows.search(
            session,
            workspace_ids,
            event_filter,
            limit + 1,
            edge,
            older=older,
            columns=ROW_COLUMNS,
            finish=_with_actors,
        )
    elif any(walk.checked for walk in walked):
        rows, searched_to = _search(session, walked, limit + 1, edge, older=older)
    else:
        rows, searched_to = _read(session, walked, limit + 1, edge, older=older), None
    more = len(rows) > limit or searched_to is not None
    rows = rows[:limit]
    if older:
        return Page(rows, older=more, newer=before is not None, searched_to=searched_to)
    rows.reverse()
    return Page(rows, older=bool(rows), newer=more, searched_to=searched_to)


def ordered(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    *,
    columns: Sequence[ColumnElement[Any]],
    snapshot: Mapping[UUID, int] | None = None,
    since: Mapping[UUID, int] | None = None,
) -> Select[Any]:
    """Every matching event, newest first over all the workspaces, without a limit.

    With ``since``, also those from before the period that arrived after it.

    Each workspace is walked by its own index and the walks are merged, never sorted; only very many
    are read at once and sorted.
    """
    if len(workspace_ids) > many_workspaces.MANY and since is None:
        return many_workspaces.ordered(session, workspace_ids, event_filter, columns, snapshot)
    selects = [
        select(*columns).where(and_(*walk.conditions))
        for walk in walks(session, workspace_ids, event_filter, snapshot, since)
    ]
    if len(selects) == 1:
        return selects[0].order_by(events.c.id.desc())
    merged = union_all(*(part.add_columns(events.c.id.label("merge_id")) for part in selects))
    walk = merged.subquery("walk")
    chosen = [column for column in walk.c if column.name != "merge_id"]
    return select(*chosen).order_by(walk.c.merge_id.desc())


def event(session: Session, workspace_id: UUID, event_id: UUID) -> Row[Any] | None:
    """One event of a workspace; None where it holds no such event."""
    found = select(*ROW_COLUMNS).where(
        events.c.workspace_id == workspace_id, events.c.id == event_id
    )
    return session.execute(_with_actors(found, older=True, of=[workspace_id])).one_or_none()


def heads(session: Session, workspace_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Each log's last sequence number: everything up to it is committed and can be seen."""
    rows = session.execute(
        select(log_heads.c.workspace_id, log_heads.c.seq).where(
            log_heads.c.workspace_id.in_(workspace_ids)
        )
    )
    return {row.workspace_id: row.seq for row in rows}


def _search(
    session: Session, walked: list[Walk], limit: int, edge: UUID | None, *, older: bool
) -> tuple[list[Row[Any]], UUID | None]:
    """Rows that meet conditions no index knows, step by step while time is left.

    Returns the rows and, where time ran out first, the id that every walk has reached.
    """
    budget = Budget()
    rows: list[Row[Any]] = []
    while True:
        step = budget.step
        wanted = limit - len(rows)
        bounds = [horizon(session, walk, edge, step, older=older) for walk in walked]
        ends = [bound for bound in bounds if bound is not None]
        # A merged page is complete only as far as the walk that came least far.
        reached = (max(ends) if older else min(ends)) if ends else None
        with budget.timed():
            rows += _read(session, walked, wanted, edge, older=older, reached=reached, checked=True)
        if len(rows) >= limit or reached is None:
            return rows, None
        if budget.spent:
            return rows, reached
        edge = reached


def _read(
    session: Session,
    walked: list[Walk],
    limit: int,
    edge: UUID | None,
    *,
    older: bool,
    reached: UUID | None = None,
    checked: bool = False,
) -> list[Row[Any]]:
    """The next rows of all walks, merged; ``reached`` (inclusive) bounds them."""
    parts = []
    for walk in walked:
        part = stretch(walk, ROW_COLUMNS, edge, older=older)
        if checked:
            part = part.where(and_(*walk.checked))
        if reached is not None:
            part = part.where(events.c.id >= reached if older else events.c.id <= reached)
        parts.append(part.limit(limit))
    if not parts:
        return []
    found: Select[Any] = parts[0]
    if len(parts) > 1:
        union = union_all(*(part.subquery().select() for part in parts)).subquery()
        found = select(union).order_by(_order(union.c.id, older=older)).limit(limit)
    of = {walk.workspace_id for walk in walked}
    return list(session.execute(_with_actors(found, older=older, of=of)).all())


def _with_actors(found: Select[Any], *, older: bool, of: Collection[UUID] = ()) -> Select[Any]:
    """The rows with what is known now of their actors, which is looked up after the limit.

    ``of`` names the rows' workspaces, so that no plan can begin with everybody's actors.
    """
    row = found.subquery("row")
    same = [actors.c.workspace_id == row.c.workspace_id, actors.c.id == row.c.actor_id]
    if of:
        same.append(actors.c.workspace_id.in_(of))
    return (
        select(
            row, actors.c.status.label("actor_status_now"), actors.c.role.label("actor_role_now")
        )
        .select_from(row)
        .outerjoin(actors, and_(*same))
        .order_by(_order(row.c.id, older=older))
    )


def _order(column: ColumnElement[UUID], *, older: bool) -> ColumnElement[UUID]:
    return column.desc() if older else column.asc()


ROW_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    column if column.key != "ip" else func.host(column).label("ip") for column in events.c
)
"""The columns of a row as a reader gets them; an address without its /32."""
