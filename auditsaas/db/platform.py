"""Opens the platform pool, and binds what each of its transactions may read of workspaces.

The pool's role reads rows of any workspace and writes nothing. Row-level security shows it only
what its transaction has noted: named workspaces, every workspace, or the jobs that wait. A session
that has noted nothing sees no row of a tenant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from auditsaas.db.pipelining import set_with_next
from auditsaas.db.tenancy import uuid_array
from auditsaas.extensions import db

PLATFORM_BIND = "platform"
"""Name of the second pool: a role that reads every workspace and writes nothing."""

Note = Callable[[], None]
"""Keeps for good that a session is about to read; it raises where it cannot."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The workspaces that a transaction of the platform pool may read.

    ``every`` is every workspace but those of ``closed``; ``jobs`` is the rows that workers are
    handed, of all workspaces, and no event.
    """

    workspaces: frozenset[UUID] = frozenset()
    every: bool = False
    closed: frozenset[UUID] = frozenset()
    jobs: bool = False

    @classmethod
    def at(cls, *workspaces: UUID) -> Look:
        return cls(workspaces=frozenset(workspaces))


NOTHING = Look()
JOBS = Look(jobs=True)


def platform_session(look: Look, note: Note | None = None) -> Session:
    """Open a read-only session of the platform pool; the caller closes it.

    ``note`` is called once, before the first statement that could read what ``look`` covers.
    """
    engine = db.engines[PLATFORM_BIND]
    session = sessionmaker(engine.execution_options(postgresql_readonly=True))()
    return bind(session, look, note)


def bind(session: Session, look: Look, note: Note | None = None) -> Session:
    """Bind another look, for the transaction under way and every later one."""
    session.info["look"], session.info["note"] = look, note
    if session.in_transaction():
        _bind_settings(session, session.connection())
    return session


def sees_every(session: Session) -> bool:
    """Tell whether a session's look is at every workspace, or at all but the closed ones."""
    look = session.info.get("look")
    return isinstance(look, Look) and look.every


@event.listens_for(Session, "after_begin")
def _bind_transaction(
    session: Session, transaction: SessionTransaction, connection: Connection
) -> None:
    if "look" in session.info:
        _bind_settings(session, connection)


def _bind_settings(session: Session, connection: Connection) -> None:
    note: Note | None = session.info["note"]
    if note is not None:
        note()
        session.info["note"] = None
    look: Look = session.info["look"]
    # As in ``tenancy``: SET takes no parameters, and the text holds nothing but uuids.
    closed = uuid_array(look.closed) if look.closed else ""
    set_with_next(connection, f"SET LOCAL auditsaas.looked_at = '{_looked_at(look)}'")
    set_with_next(connection, f"SET LOCAL auditsaas.not_looked_at = '{closed}'")


def _looked_at(look: Look) -> str:
    if look.jobs:
        return "jobs"
    if look.every:
        return "all but" if look.closed else "all"
    return uuid_array(look.workspaces) if look.workspaces else ""
