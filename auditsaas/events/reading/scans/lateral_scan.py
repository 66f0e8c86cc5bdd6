"""Lateral scans: one statement that probes the log of every workspace by an index of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session

from auditsaas.events.filter.actors import (
    ActorsMeant,
    acted_condition,
    actor_pairs,
    split_actor_terms,
)
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.to_sql import conditions, period_conditions
from auditsaas.events.models import events
from auditsaas.events.reading.scans.cursor import NEWEST, Cursor, first

FEW = 1_000
"""Events that are fetched one by one, wherever in time they are."""

MOST_PROBES = 4_000
"""The most ranges of an index that are looked up at once in search of few events."""

LEADS = sorted((known.lead, name) for name, known in FILTERS.items() if known.lead is not None)
"""Fields with an index of their own, the one that usually leaves fewest events first."""

Condition = ColumnElement[bool]
Key = tuple[UUID, UUID]


class LateralScan:
    """One filter over many workspaces; the actors that it matches are looked up once.

    ``scanned`` is what an index finds in order of time; ``rest`` is checked event by event.
    """

    def __init__(
        self,
        session: Session,
        workspace_ids: Sequence[UUID],
        event_filter: EventFilter,
        snapshot: Mapping[UUID, int] | None = None,
    ) -> None:
        self._session = session
        self._ids = list(workspace_ids)
        self._snapshot = snapshot
        plain, of_actors = split_actor_terms(event_filter)
        self._pairs: list[tuple[UUID, str]] | None = None
        if event_filter.names_actors:
            self._pairs = actor_pairs(session, self._ids, event_filter)
            if self._pairs is None:
                of_actors.append(ActorsMeant(event_filter))
        period = list(period_conditions(plain.period))
        lead, exact, self._values, others = _lead(plain, by_actor=self._pairs is not None)
        indexed, checked = conditions(others.without("range"))
        rest = [
            *indexed,
            *checked,
            *(acted_condition(session, self._ids, meant) for meant in of_actors),
        ]
        self._found = [*period, *lead]
        self._leads = bool(lead) or self._pairs is not None
        self._scanned = [*period, *lead] if exact else period
        self._rest = rest
        self.served = exact and not rest
        """Whether each event that an index comes to is one that was asked for."""

    def scan(
        self,
        columns: Sequence[ColumnElement[Any]],
        cursor: Cursor = NEWEST,
        reached: UUID | None = None,
        *,
        limit: int | None = None,
        checked: bool = True,
    ) -> Select[Any]:
        """Select each log's events within the bounds; all that is scanned unless ``checked``."""
        driver = self._driver()
        wanted = [*self._found, *self._rest] if checked else self._scanned
        found = [events.c.workspace_id == driver.c.workspace_id, *wanted]
        if self._pairs is not None:
            found.append(events.c.actor_id == driver.c.actor_id)
        if self._snapshot is not None:
            found.append(events.c.seq <= driver.c.seq)
        part = select(*columns).where(*found, *cursor.within(reached))
        if limit is not None:
            part = part.order_by(cursor.order(events.c.id)).limit(first(limit))
        rows = part.lateral("part")
        return select(*rows.c).select_from(driver.join(rows, true()))

    def condition(self) -> Condition:
        """Build the condition of an event of one of the workspaces, up to any number of it."""
        wanted = and_(true(), *self._found, *self._rest)
        if self._pairs is None:
            return wanted
        driver = self._driver()
        listed = select(driver.c.workspace_id, driver.c.actor_id)
        return and_(wanted, tuple_(events.c.workspace_id, events.c.actor_id).in_(listed))

    def count_scanned(self, cursor: Cursor, reached: UUID | None, most: int) -> int:
        """Count the events that an index comes to within the bounds, up to ``most``."""
        found = self.scan([events.c.id], cursor, reached, limit=most, checked=False)
        counted = select(func.count()).select_from(found.limit(most).subquery())
        return self._session.scalar(counted) or 0

    def find_few(self, cursor: Cursor) -> list[Key] | None:
        """Read workspace and id of all that an index finds beyond the cursor; None where not few.

        The index is asked for all workspaces in one scan, which costs a fraction of a probe each,
        and finds things without knowing how far back they are.
        """
        if not self._leads or len(self._ids) * self._values > MOST_PROBES:
            return None
        keys = [events.c.workspace_id, events.c.id]
        if self._pairs is not None:
            found = self.scan(keys, cursor, limit=FEW + 1, checked=False)
        else:
            # A list that the planner does not see: it would weigh each of them for each partition.
            ids = func.unnest(literal(self._ids, ARRAY(Uuid)))
            listed = func.array(select(ids).scalar_subquery())
            own = events.c.workspace_id == any_(listed)
            found = select(*keys).where(own, *self._found, *cursor.within())
        rows = self._session.execute(found.limit(FEW + 1)).all()
        return None if len(rows) > FEW else [(row.workspace_id, row.id) for row in rows]

    def fetch(self, columns: Sequence[ColumnElement[Any]], keys: Sequence[Key]) -> Select[Any]:
        """Select those among a few events that match, in no order."""
        arrays = (literal([key[side] for key in keys], ARRAY(Uuid)) for side in (0, 1))
        names = (column("workspace_id", Uuid), column("id", Uuid))
        key = func.unnest(*arrays).table_valued(*names).render_derived(name="key")
        same = [events.c.workspace_id == key.c.workspace_id, events.c.id == key.c.id]
        # The limit, of one row at most, keeps a plan from reading whole logs for a join.
        part = select(*columns).where(*same, *self._found, *self._rest).limit(1).lateral("part")
        return select(*part.c).select_from(key.join(part, true()))

    def _driver(self) -> Any:
        """Select the workspaces as rows, or the pairs of a workspace and an actor of it."""
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


def _lead(
    event_filter: EventFilter, *, by_actor: bool
) -> tuple[list[Condition], bool, int, EventFilter]:
    """Choose the leading index: its conditions, whether it keeps order, and what is left."""
    if by_actor:
        return [], True, 1, event_filter
    for _, name in LEADS:
        values = getattr(event_filter, name)
        if not values or (name == "status" and values != ("error",)):
            continue
        alone: dict[str, Any] = {name: values}
        lead, _ = conditions(EventFilter(**alone))
        exact = len(values) == 1 and not values[0].endswith("*") and "/" not in values[0]
        # One prefix or network is one range of the index too, only not ordered by time.
        return lead, exact or name == "status", len(values), event_filter.without(name)
    return [], True, 1, event_filter
