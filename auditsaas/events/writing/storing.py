"""Stores a batch under the lock of its log's head, in a session or by one message alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import Engine, TextClause
from sqlalchemy import Row as Stored
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import PRODUCT, EventSource
from auditsaas.events.writing.counters import additions
from auditsaas.events.writing.rows import Row, encoded
from auditsaas.events.writing.sender import Sender, SenderChanged
from auditsaas.events.writing.sql import (
    LOCK_HEAD,
    SAVE,
    STORE,
    STORE_IF_NEW,
    THERE_ALREADY,
    UNDO,
    as_sent,
)
from auditsaas.metrics import APPEND_LOCK_WAIT


class UnknownWorkspace(LookupError):
    """The workspace has no log head, or the session's scope does not hold it."""


@dataclass(frozen=True)
class Batch:
    """Rows to append to one log, all from one source."""

    workspace_id: UUID
    source: EventSource
    rows: list[Row]
    sender: Sender | None = None

    def values(self, rules: list[str]) -> dict[str, Any]:
        """Build the parameters of the store statement under these rules of redaction."""
        return {
            "workspace": self.workspace_id,
            "source": self.source,
            "rules": rules,
            # What the product itself records is whole: no setting hides who changed it.
            "rows": encoded(self.rows, [] if self.source == PRODUCT else rules),
            "size": len(self.rows),
            "scope": None,
            "ticket": None,
            "key": self.sender and self.sender.key_id,
            "seen": self.sender and self.sender.seen,
            **additions(self.rows),
        }


class _Stored(NamedTuple):
    """The answer of the functions that store."""

    head: int | None
    stored: int
    waited: float | None
    known: bool


def store(
    session: Session, batch: Batch, *, keyed: bool, alone: bool, at_once: bool
) -> tuple[int, list[int] | None, Sequence[Stored[Any]]]:
    """Store what is new under the head's lock.

    Returns the last sequence number before, the indexes of the rows that were stored, in order
    (None where all were), and the rows that stand in the place of the others.
    """
    values = batch.values(redactions.get(batch.workspace_id, []))
    # Nearly every batch is wholly new, and is locked for, numbered and stored in one step, for
    # while the lock is held all others wait. One that is not is undone and sorted out; of a single
    # event there is nothing to undo.
    statement = STORE_IF_NEW if keyed and len(batch.rows) == 1 else STORE
    risky = keyed and statement is STORE
    found = None
    try:
        if at_once:
            found = _stored_at_once(session, batch.workspace_id, statement, values)
        if found is None:
            if risky and not alone:
                session.execute(SAVE)
            found = _Stored(*session.execute(statement, values).one())
    except IntegrityError as error:
        if not risky or not isinstance(error.orig, UniqueViolation):
            raise
        if alone:
            session.rollback()
        else:
            session.execute(UNDO)
        return _sort_out(session, batch)
    if not found.known:
        raise SenderChanged
    if found.stored < len(batch.rows) or found.head is None or found.waited is None:
        return _sort_out(session, batch)
    APPEND_LOCK_WAIT.observe(found.waited)
    return found.head, None, ()


def _stored_at_once(
    session: Session, workspace_id: UUID, statement: TextClause, values: dict[str, Any]
) -> _Stored | None:
    """Store by a transaction of one statement, which PostgreSQL ends itself.

    None, having done nothing, where the database is spread: Citus binds scopes by statements.
    """
    engine = session.get_bind()
    if not isinstance(engine, Engine) or session.in_transaction():
        return None
    scope, _, ticket = tenancy.settings_of(Scope.of(workspace_id))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if tenancy.is_spread(connection):
            return None
        bound = values | {"scope": scope, "ticket": ticket}
        return _Stored(*connection.exec_driver_sql(as_sent(statement), bound).one())


def _sort_out(
    session: Session, batch: Batch
) -> tuple[int, list[int] | None, Sequence[Stored[Any]]]:
    """Store the new rows under the workspace's current redaction rules."""
    workspace_id, rows = batch.workspace_id, batch.rows
    with APPEND_LOCK_WAIT.time():
        found = session.execute(LOCK_HEAD, {"workspace": workspace_id}).one_or_none()
    if found is None:
        raise UnknownWorkspace(str(workspace_id))
    rules = redactions[workspace_id] = found.redacted_keys or []
    standing = there_already(session, workspace_id, [row.id for row in rows])
    there = {row.id.int for row in standing}
    fresh = [place for place, row in enumerate(rows) if row.id.int not in there]
    if fresh:
        new = replace(batch, rows=[rows[place] for place in fresh])
        session.execute(STORE, new.values(rules))
    return found.seq, fresh, standing


def there_already(
    session: Session, workspace_id: UUID, ids: Sequence[UUID]
) -> Sequence[Stored[Any]]:
    """Read the stored rows of those of ``ids`` (at least one) that the log holds."""
    bounds = {"lowest": min(ids, key=_number), "highest": max(ids, key=_number)}
    asked = {"workspace": workspace_id, "ids": list(ids)} | bounds
    return session.execute(THERE_ALREADY, asked).all()


redactions: dict[UUID, list[str]] = {}
"""The keys each workspace redacts, as this process met them last. The head, once locked, refuses
rows made by others; so they cost no query, and a new rule holds from the very next append."""


_number = attrgetter("int")
