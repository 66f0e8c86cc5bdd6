"""Reading the logs of very many workspaces at once.

A union of a thousand walks takes longer to plan than to run. Here one statement probes each log by
its own index, within a window of time; windows grow until the page is full, so a probe rarely
reads more than it must, and partitions outside the window are never opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Text,
    Uuid,
    and_,
    column,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from auditsaas.events.filters import EventFilter
from auditsaas.events.models import actor_emails, actors, events
from auditsaas.events.schema import MAX_AHEAD
from auditsaas.events.walks import Budget
from auditsaas.ids import EPOCH, first_id_at, time_of

MANY = 20
"""Beyond this number of workspaces the log is read by the statements here."""

FIRST_WINDOW = timedelta(minutes=5)
GROWTH = 16

Finish = Callable[..., Select[Any]]


def search(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    limit: int,
    edge: UUID | None,
    *,
    older: bool,
    columns: Sequence[ColumnElement[Any]],
    finish: Finish,
) -> tuple[list[Row[Any]], UUID | None]:
    """The next rows beyond ``edge``; with them, where time ran out first, the id reached."""
    reading = _Reading(session, workspace_ids, event_filter)
    slow = bool(event_filter.conditions(reading.actors_of)[1])
    budget, span = Budget(), FIRST_WINDOW
    rows: list[Row[Any]] = []
    ends = _ends(event_filter, edge, older=older)
    while True:
        reached = _moved(ends, edge, span, older=older)
        wanted = limit - len(rows)
        found = reading.each(columns, edge, reached, older=older, limit=wanted).subquery()
        order = found.c.id.desc() if older else found.c.id.asc()
        read = session.execute(
            finish(select(found).order_by(order).limit(wanted), older=older)
        ).all()
        rows += read
        if len(rows) >= limit or reached is None:
            return rows, None
        if slow and budget.spent:
            return rows, reached
        edge = reached
        span *= min(GROWTH, max(2, 2 * wanted // len(read))) if read else GROWTH


def each(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    columns: Sequence[ColumnElement[Any]],
    limit: int | None = None,
) -> Select[Any]:
    """The matching events of every workspace, at most its newest ``limit``, in no order."""
    return _Reading(session, workspace_ids, event_filter).each(columns, limit=limit)


def ordered(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    columns: Sequence[ColumnElement[Any]],
    snapshot: Mapping[UUID, int] | None,
) -> Select[Any]:
    """Every matching event, newest first, up to the sequence number of each workspace."""
    reading = _Reading(session, workspace_ids, event_filter, snapshot)
    marked = [*columns, events.c.id.label("merge_id")]
    found = reading.each(marked).subquery("walk")
    chosen = [column for column in found.c if column.name != "merge_id"]
    return select(*chosen).order_by(found.c.merge_id.desc())


class _Reading:
    """One filter over many workspaces; the actors that it means are looked up once."""

    def __init__(
        self,
        session: Session,
        workspace_ids: Sequence[UUID],
        event_filter: EventFilter,
        snapshot: Mapping[UUID, int] | None = None,
    ) -> None:
        self._session = session
        self._ids = list(workspace_ids)
        self._filter = event_filter
        self._snapshot = snapshot
        self._pairs = self._actors(event_filter) if event_filter.names_actors else None

    def actors_of(self, event_filter: EventFilter, /) -> Sequence[str]:
        return tuple({actor for _, actor in self._actors(event_filter)})

    def each(
        self,
        columns: Sequence[ColumnElement[Any]],
        edge: UUID | None = None,
        reached: UUID | None = None,
        *,
        older: bool = True,
        limit: int | None = None,
    ) -> Select[Any]:
        driver = self._driver()
        plain = self._filter
        for name in ("user", "role", "user_status"):
            plain = plain.without(name)
        indexed, checked = plain.conditions(self.actors_of)
        conditions = [events.c.workspace_id == driver.c.workspace_id, *indexed, *checked]
        if self._pairs is not None:
            conditions.append(events.c.actor_id == driver.c.actor_id)
        if self._snapshot is not None:
            conditions.append(events.c.seq <= driver.c.seq)
        if edge is not None:
            conditions.append(events.c.id < edge if older else events.c.id > edge)
        if reached is not None:
            conditions.append(events.c.id >= reached if older else events.c.id <= reached)
        part = select(*columns).where(and_(*conditions))
        if limit is not None:
            part = part.order_by(events.c.id.desc() if older else events.c.id.asc()).limit(limit)
        rows = part.lateral("part")
        return select(*rows.c).select_from(driver.join(rows, true()))

    def _driver(self) -> Any:
        """The workspaces as rows, or the pairs of a workspace and an actor of it."""
        ids = self._ids if self._pairs is None else [workspace for workspace, _ in self._pairs]
        arrays: list[Any] = [literal(ids, ARRAY(Uuid))]
        names: list[Any] = [column("workspace_id", Uuid)]
        if self._pairs is not None:
            arrays.append(literal([actor for _, actor in self._pairs], ARRAY(Text)))
            names.append(column("actor_id", Text))
        if self._snapshot is not None:
            arrays.append(literal([self._snapshot[key] for key in ids], ARRAY(BigInteger)))
            names.append(column("seq", BigInteger))
        return func.unnest(*arrays).table_valued(*names).render_derived(name="driver")

    def _actors(self, event_filter: EventFilter) -> list[tuple[UUID, str]]:
        """The actors that a filter's user, role and user status mean, with their workspaces."""
        found = select(actors.c.workspace_id, actors.c.id).where(
            actors.c.workspace_id.in_(self._ids)
        )
        if event_filter.user:
            wanted = list(event_filter.user)
            by_address = select(actor_emails.c.workspace_id, actor_emails.c.actor_id).where(
                actor_emails.c.workspace_id.in_(self._ids),
                actor_emails.c.email.in_([value.lower() for value in wanted]),
            )
            known = self._session.execute(by_address).all()
            named = func.unnest(
                literal([row.workspace_id for row in known], ARRAY(Uuid)),
                literal([row.actor_id for row in known], ARRAY(Text)),
            ).table_valued(column("workspace_id", Uuid), column("actor_id", Text))
            pairs = select(*named.render_derived(name="named").c)
            found = found.where(
                or_(
                    actors.c.id.in_(wanted),
                    func.row(actors.c.workspace_id, actors.c.id).in_(pairs),
                )
            )
        if event_filter.role:
            found = found.where(actors.c.role.in_(event_filter.role))
        if len(event_filter.user_status) == 1:
            disabled = actors.c.status.is_not_distinct_from("disabled")
            wants_disabled = event_filter.user_status[0] == "disabled"
            found = found.where(disabled if wants_disabled else ~disabled)
        return [(row.workspace_id, row.id) for row in self._session.execute(found)]


def _ends(
    event_filter: EventFilter, edge: UUID | None, *, older: bool
) -> tuple[datetime, datetime]:
    """Where the windows begin and where there is nothing beyond."""
    newest = datetime.now(UTC) + MAX_AHEAD
    if event_filter.period.end is not None:
        newest = min(newest, event_filter.period.end)
    oldest = max(EPOCH, event_filter.period.start or EPOCH)
    begun = time_of(edge) if edge is not None else newest
    return (min(begun, newest), oldest) if older else (max(begun, oldest), newest)


def _moved(
    ends: tuple[datetime, datetime], edge: UUID | None, span: timedelta, *, older: bool
) -> UUID | None:
    """The id at the far side of the next window; None where it holds all that is left."""
    begin, last = ends
    begin = min(begin, time_of(edge)) if older and edge else begin
    if not older and edge:
        begin = max(begin, time_of(edge))
    if abs(last - begin) <= span:
        return None
    return first_id_at(begin - span if older else begin + span)
