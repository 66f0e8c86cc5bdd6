"""Makes what a test needs, with unique names, so that tests never meet one another's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf
from msgspec import structs
from sqlalchemy import insert
from sqlalchemy.orm import Session, sessionmaker

from auditsaas import tokens
from auditsaas.accounts import passwords, sessions
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import CLI, EventSource
from auditsaas.events.models import events
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.append import MAX_BATCH, append
from auditsaas.events.writing.identity import identify
from auditsaas.events.writing.outcome import Appended
from auditsaas.events.writing.rows import row_of
from auditsaas.permissions import ApiScope, Role
from auditsaas.workspaces import api_keys, service
from auditsaas.workspaces.models import Membership, Workspace

PASSWORD = "correct horse battery staple"
ALL_SCOPES = frozenset(ApiScope)

Sessions = sessionmaker(expire_on_commit=False)
"""Sessions of the app role; ``conftest`` binds it to the database of this run."""

OwnerSessions = sessionmaker(expire_on_commit=False)
"""Sessions of the tables' owner, who alone makes super-admins and disables people."""

_numbers = count(1)
_old_numbers = count(1_000_000)
_run = uuid4().hex[:6]


def unique(word: str) -> str:
    """`acme-3f9c2a-7`: a name that no other test of any run has."""
    return f"{word}-{_run}-{next(_numbers)}"


def make_workspace(name: str = "Acme", slug: str | None = None) -> Workspace:
    with Sessions.begin() as session:
        return service.create_workspace(session, name, slug or unique("acme"))


def make_user(
    *,
    email: str | None = None,
    name: str = "Ann Lee",
    password: str = PASSWORD,
    is_super_admin: bool = False,
    **columns: Any,
) -> User:
    """A person who can sign in; ``columns`` are further columns of the table."""
    with (OwnerSessions if is_super_admin else Sessions).begin() as session:
        user = User(
            email=email or f"{unique('ann')}@example.com",
            name=name,
            password_hash=_hash_of(password),
            **columns,
        )
        if is_super_admin:
            user.is_super_admin = True
        session.add(user)
        return user


def make_member(
    workspace: Workspace, role: Role = Role.ADMIN, user: User | None = None, **columns: Any
) -> User:
    """A person (a new one unless given) who belongs to the workspace."""
    user = user or make_user(name=f"{role.value.title()} Lee")
    with scoped(workspace.id) as session:
        session.add(
            Membership(workspace_id=workspace.id, user_id=user.id, role=Role(role).value, **columns)
        )
        session.commit()
    return user


def make_api_key(workspace: Workspace, scopes: Iterable[ApiScope] = ALL_SCOPES) -> str:
    """The secret of a new key."""
    with scoped(workspace.id) as session:
        made = api_keys.create_api_key(
            session, workspace.id, name="Test key", scopes=frozenset(scopes)
        )
        session.commit()
    return made.secret


def event_input(**overrides: Any) -> dict[str, Any]:
    """A small valid event, as a sender gives it."""
    return {
        "activity": "invoice.update",
        "status": "success",
        "actor": {"id": "u_1", "name": "Ann Lee", "email": "ann@example.com", "role": "admin"},
        "method": "POST",
        "path": "/invoices/42",
        "status_code": 200,
        "ip": "203.0.113.7",
        "duration_ms": 84,
    } | overrides


def append_events(
    workspace: Workspace, events: Sequence[dict[str, Any]], source: EventSource = CLI
) -> Appended:
    """Append events, given as senders do, and commit; at most 1,000."""
    now = datetime.now(UTC)
    assert len(events) <= MAX_BATCH
    with scoped(workspace.id) as session:
        appended = append(
            session, workspace.id, [from_mapping(event, now) for event in events], source=source
        )
        session.commit()
    return appended


def store_unrecorded(workspace: Workspace, given: Sequence[dict[str, Any]]) -> list[UUID]:
    """Store events as they were before sources were recorded; return their ids."""
    first = datetime.now(UTC) - timedelta(days=2)
    parsed = [from_mapping(event, first) for event in given]
    named = identify(workspace.id, parsed, arrived_at=first)
    stated = {"workspace_id": workspace.id, "received_at": first}
    rows = [
        structs.asdict(row_of(event, *name)) | stated | {"seq": next(_old_numbers)}
        for event, name in zip(parsed, named, strict=True)
    ]
    with as_owner(workspace.id) as session:
        session.execute(insert(events), rows)
        session.commit()
    return [identifier for _, identifier in named]


def scoped(*workspaces: UUID, user: UUID | None = None) -> Session:
    """A new session of the app role that sees these workspaces; close it by ``with``."""
    return tenancy.bind(Scope.of(*workspaces, user=user), Sessions())


def as_owner(*workspaces: UUID, user: UUID | None = None) -> Session:
    """A new session of the tables' owner, for what no role that serves people may write."""
    return tenancy.bind(Scope.of(*workspaces, user=user), OwnerSessions())


def sign_in(client: FlaskClient, user: User) -> str:
    """Give the browser a live session of ``user``, without the form; returns the session's id.

    A super-admin's began with a second factor, without which nothing of theirs opens.
    """
    with Sessions.begin() as session:
        session_id = sessions.start(session, user.id, second_factor=user.is_super_admin)
    client.set_cookie(client.application.config["SESSION_COOKIE_NAME"], session_id)
    return session_id


def say_why(client: FlaskClient, *slugs: str, reason: str = "Support case 4711") -> None:
    """Let a super-admin look into these workspaces for an hour, or into all without a slug."""
    fields = {"csrf_token": csrf_token(client), "reason": reason, "workspace": list(slugs)}
    assert client.post("/admin/access", data=fields).status_code == 303


def csrf_token(client: FlaskClient) -> str:
    """A token that the browser's forms would carry now."""
    application = client.application
    name = application.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    if cookie is None:
        client.set_cookie(name, tokens.new())
        return csrf_token(client)
    with application.test_request_context(headers={"Cookie": f"{name}={cookie.value}"}):
        return str(generate_csrf())


@cache
def _hash_of(password: str) -> str:
    return passwords.hashed(password)
