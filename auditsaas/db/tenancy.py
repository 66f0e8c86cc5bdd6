"""Binds the workspaces and the person whose rows a transaction may see (row-level security).

A ``Scope`` is bound to a database session; each transaction that the session begins tells
PostgreSQL of it by ``SET LOCAL``, and row-level security refuses everything else. The settings end
with the transaction, so nothing survives into the next user of a pooled connection. A session
without a scope sees no tenant rows at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction

from auditsaas.extensions import db


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
        _bind_settings(session.connection(), scope)
    return session


@event.listens_for(Session, "after_begin")
def _bind_transaction(
    session: Session, transaction: SessionTransaction, connection: Connection
) -> None:
    scope = session.info.get("scope")
    if isinstance(scope, Scope):
        _bind_settings(connection, scope)


def _bind_settings(connection: Connection, scope: Scope) -> None:
    # SET takes no parameters (and Citus propagates SET LOCAL, not set_config), so the text is
    # literal; it holds nothing but uuids.
    user = str(scope.user) if scope.user else ""
    connection.exec_driver_sql(
        f"SET LOCAL auditsaas.workspaces = '{uuid_array(scope.workspaces)}'; "
        f"SET LOCAL auditsaas.person = '{user}'"
    )


def uuid_array(ids: Iterable[UUID]) -> str:
    """Write ids as the text of an array that PostgreSQL reads."""
    return "{" + ",".join(sorted(str(UUID(str(value))) for value in ids)) + "}"
