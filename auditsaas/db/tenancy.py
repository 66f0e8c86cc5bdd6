"""Binds the workspaces and the person whose rows a transaction may see (row-level security).

A ``Scope`` is bound to a database session; each transaction that the session begins tells
PostgreSQL of it, with a ticket that proves it (``tickets``), and row-level security refuses
everything else. The settings end with the transaction, so nothing survives into the next user of a
pooled connection. A session without a scope sees no tenant rows at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, SessionTransaction

from auditsaas.db import tickets
from auditsaas.db.pipelining import set_with_next
from auditsaas.extensions import db

_SETTINGS: Final = ("auditsaas.workspaces", "auditsaas.person", "auditsaas.ticket")
BOUND: Final = "SELECT " + ", ".join(f"set_config('{name}', %s, true)" for name in _SETTINGS)
"""The statement that binds a transaction, and writes nothing."""
_CITUS: Final = "SELECT true FROM pg_extension WHERE extname = 'citus'"

_spread: WeakKeyDictionary[Engine, bool] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The workspaces, and the person's own rows, that a transaction may see."""

    workspaces: frozenset[UUID] = frozenset()
    user: UUID | None = None

    @classmethod
    def of(cls, *workspaces: UUID, user: UUID | None = None) -> Scope:
        return cls(workspaces=frozenset(workspaces), user=user)


def bind(scope: Scope, session: Session | None = None) -> Session:
    """Bind ``scope`` to the session, for the transaction under way and every later one."""
    session = session or db.session()
    session.info["scope"] = scope
    if session.in_transaction():
        connection = session.connection()  # which binds the scope where it only now begins
        if session.info.get("bound") != scope:
            _bind_settings(session, connection, scope)
    return session


@event.listens_for(Session, "after_begin")
def _bind_transaction(
    session: Session, transaction: SessionTransaction, connection: Connection
) -> None:
    scope = session.info.get("scope")
    if isinstance(scope, Scope):
        _bind_settings(session, connection, scope)


@event.listens_for(Session, "after_soft_rollback")
def _forget_bound(session: Session, transaction: SessionTransaction) -> None:
    """Bind the next scope anew, for settings go back to what they were before a savepoint."""
    session.info.pop("bound", None)


def settings_of(scope: Scope) -> tuple[str, str, str]:
    """Return the workspaces and the person as PostgreSQL is told of them, and their ticket."""
    workspaces, person = uuid_array(scope.workspaces), str(scope.user) if scope.user else ""
    return workspaces, person, tickets.ticket(workspaces, person)


def _bind_settings(session: Session, connection: Connection, scope: Scope) -> None:
    session.info["bound"] = scope
    values = settings_of(scope)
    if not is_spread(connection):
        # As parameters: other sessions of the role see each other's statements, and no values.
        set_with_next(connection, BOUND, values)
        return
    # Citus tells its nodes of SET LOCAL alone, which takes no parameters: uuids and hexadecimals.
    for name, value in zip(_SETTINGS, values, strict=True):
        set_with_next(connection, f"SET LOCAL {name} = '{value}'")


def is_spread(connection: Connection) -> bool:
    """Tell whether the database is a Citus cluster, asked once of each pool."""
    known = _spread.get(connection.engine)
    if known is None:
        known = connection.exec_driver_sql(_CITUS).scalar() is not None
        _spread[connection.engine] = known
    return known


def uuid_array(ids: Iterable[UUID]) -> str:
    """Write ids as the text of an array that PostgreSQL reads."""
    return "{" + ",".join(sorted(str(UUID(str(value))) for value in ids)) + "}"
