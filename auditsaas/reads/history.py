"""Reads who read a log: what was appended, newest first, and what is still counted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from auditsaas.db.ids import time_of
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.filter.actors import actor_pairs
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.folding import fold
from auditsaas.events.models import events
from auditsaas.events.reading import pages
from auditsaas.events.reading.facets import known_actors
from auditsaas.own_activities import Activity
from auditsaas.reads.models import log_reads

READS: Final = EventFilter(
    activity=(Activity.LOG_READ, Activity.PLATFORM_ACCESS, Activity.PLATFORM_VIEW),
    source=(PRODUCT,),
)
"""Members' and keys' reads, and what super-admins read from outside."""
BATCH: Final = 200
PATIENCE_SECONDS: Final = 0.5
MOST_WAITING: Final = 500
"""The most reads of this hour that are looked through."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """One reader's reads by one filter; ``pages`` and ``rows`` are None where none were counted."""

    reader: str
    name: str | None
    email: str | None
    role: str | None
    query: str
    pages: int | None
    rows: int | None
    parts: Sequence[str]
    opened: Sequence[UUID]
    first_at: datetime
    last_at: datetime
    words: str = ""
    """What a super-admin's look was at, in words."""
    reason: str | None = None
    from_outside: bool = False


@dataclass(frozen=True, kw_only=True)
class About:
    """An event, or the folded names of a person or thing, that reads are looked for of."""

    event_id: UUID | None = None
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class History:
    """A page of reads; ``before`` is where the next goes on, if there is one."""

    waiting: Sequence[Read]
    """Those of this hour, which are still counted; none but on the first page."""
    more_waiting: bool
    """Whether more of this hour than ``MOST_WAITING`` are counted."""
    reads: Sequence[Read]
    opened: Mapping[UUID, Row[Any]]
    """The events that they name, as far as the log still has them."""
    before: UUID | None = None
    searched_back_to: datetime | None = None


def about(session: Session, workspace_id: UUID, text: str) -> About | None:
    """Resolve what reads are looked for of; None for nothing."""
    text = text.strip()
    if not text:
        return None
    try:
        return About(event_id=UUID(text))
    except ValueError:
        named = EventFilter(user=(text,))
    ids = [actor for _, actor in actor_pairs(session, [workspace_id], named) or ()]
    known = known_actors(session, [workspace_id], ids)
    names = [each for one in known for each in (one.id, one.name, one.email) if each]
    return About(words=frozenset(map(fold, (text, *names))))


def page(
    session: Session,
    workspace_id: UUID,
    *,
    wanted: EventFilter = READS,
    about: About | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> History:
    """Read a page of reads; ``wanted`` is ``READS`` narrowed by reader and time.

    What reads are about no index knows, so it is looked for in batches for half a second.
    """
    waiting, more_waiting = ([], False) if before else _waiting(session, workspace_id, wanted)
    opened = _opened(session, workspace_id, waiting)
    found: list[tuple[UUID, Read]] = []
    until = time.monotonic() + PATIENCE_SECONDS
    edge, going_on, hurried = before, True, False
    while going_on and not hurried and len(found) <= limit:
        batch = pages.page(session, [workspace_id], wanted, limit=BATCH, before=edge)
        told = [(row.id, _told(row)) for row in batch.rows]
        opened |= _opened(session, workspace_id, [read for _, read in told])
        found += [(key, read) for key, read in told if _is_about(read, about, opened)]
        going_on, hurried = batch.older, time.monotonic() > until
        edge = batch.searched_to or (batch.rows[-1].id if batch.rows else edge)
    full = len(found) > limit
    if full:
        found, edge = found[:limit], found[limit - 1][0]
    return History(
        waiting=[read for read in waiting if _is_about(read, about, opened)],
        more_waiting=more_waiting,
        reads=[read for _, read in found],
        opened=opened,
        before=edge if full or going_on else None,
        searched_back_to=time_of(edge) if going_on and not full and edge is not None else None,
    )


def _waiting(session: Session, workspace_id: UUID, wanted: EventFilter) -> tuple[list[Read], bool]:
    """Read what is being counted, the last first; tell whether there is more than was read.

    The reader is compared by any of their names.
    """
    here = select(log_reads).where(log_reads.c.workspace_id == workspace_id)
    start, end = wanted.period.start, wanted.period.end
    if start is not None:
        here = here.where(log_reads.c.first_at >= start)
    if end is not None:
        here = here.where(log_reads.c.first_at < end)
    newest = here.order_by(log_reads.c.last_at.desc()).limit(MOST_WAITING + 1)
    rows = session.execute(newest).all()
    readers = set(map(fold, wanted.user))
    reads = [_counted(row) for row in rows[:MOST_WAITING]]
    found = [read for read in reads if not readers or readers & _names(read)]
    return found, len(rows) > MOST_WAITING


def _names(read: Read) -> set[str]:
    return {fold(name) for name in (read.reader, read.name, read.email) if name}


def _counted(row: Row[Any]) -> Read:
    return Read(
        reader=row.reader,
        name=row.name,
        email=row.email,
        role=row.role,
        query=row.query,
        pages=row.pages,
        rows=row.rows,
        parts=row.parts,
        opened=row.opened,
        first_at=row.first_at,
        last_at=row.last_at,
    )


def _told(row: Row[Any]) -> Read:
    """Read back what an event tells of."""
    facts = row.metadata or {}
    outside = row.activity != Activity.LOG_READ
    named = [target["id"] for target in row.targets or () if target["type"] == "event"]
    last = facts.get("last_page_at")
    return Read(
        reader=row.actor_id,
        name=row.actor_name,
        email=row.actor_email,
        role=row.actor_role,
        query=facts.get("query", ""),
        pages=facts.get("looks") if outside else facts.get("pages"),
        rows=facts.get("shown") if outside else facts.get("rows_shown"),
        parts=[facts["look"]] if "look" in facts else facts.get("parts", ()),
        opened=[UUID(text) for text in (*named, *facts.get("also_opened", ()))],
        first_at=row.occurred_at,
        last_at=datetime.fromisoformat(last) if last else row.occurred_at,
        words=facts.get("filter", ""),
        reason=facts.get("reason"),
        from_outside=outside,
    )


def _opened(session: Session, workspace_id: UUID, reads: Iterable[Read]) -> dict[UUID, Row[Any]]:
    """Read the events that reads name."""
    ids = {event_id for read in reads for event_id in read.opened}
    if not ids:
        return {}
    columns: tuple[ColumnElement[Any], ...] = (
        *(events.c.id, events.c.activity, events.c.targets),
        *(events.c.actor_id, events.c.actor_name, events.c.actor_email),
    )
    found = select(*columns).where(events.c.workspace_id == workspace_id, events.c.id.in_(ids))
    return {row.id: row for row in session.execute(found)}


def _is_about(read: Read, about: About | None, opened: Mapping[UUID, Row[Any]]) -> bool:
    if about is None:
        return True
    if about.event_id is not None:
        return about.event_id in read.opened
    values = {fold(value) for _, value in parse_qsl(read.query)}
    words = {word.strip('"') for value in values for word in (value, *value.split())}
    named = {word.partition(":")[2].strip('"') or word for word in words}
    if about.words & (words | named):
        return True
    rows = (opened[event_id] for event_id in read.opened if event_id in opened)
    return any(about.words & set(map(fold, _said_of(row))) for row in rows)


def _said_of(row: Row[Any]) -> list[str]:
    """Collect the actor and targets of an event, by any of their names."""
    targets = [
        str(target[key])
        for target in row.targets or ()
        for key in ("id", "name")
        if target.get(key)
    ]
    return [*targets, *(text for text in (row.actor_id, row.actor_name, row.actor_email) if text)]
