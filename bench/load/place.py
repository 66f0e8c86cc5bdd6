"""Where the load runs: a dataset's copy, or the servers that the environment names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from auditsaas.accounts import passwords
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import log_heads
from auditsaas.extensions import db
from auditsaas.operations import upgrade
from auditsaas.permissions import ApiScope
from auditsaas.workspaces import api_keys
from auditsaas.workspaces.models import Membership, Workspace
from bench import dataset, seeding
from config import start
from config.settings import Settings

ADMINS = 20
PASSWORD = "x" * 16


@dataclass(frozen=True)
class Place:
    settings: Settings
    embedded: Path | None
    """The data folder of the servers, where they are ours to restart."""
    workspaces: dict[str, UUID]
    """Those that are written to, by slug; the first is the big one."""
    keys: list[str]
    admins: list[str]
    """Their e-mail addresses."""
    events: int


@contextmanager
def place(events: int, share: float, *, given: bool) -> Iterator[Place]:
    if given:
        yield _prepared(_filled(events, share), None)
        return
    with dataset.copied(events, share, "load") as data:
        yield _prepared(data.settings, data.settings.data_dir)


def _filled(events: int, share: float) -> Settings:
    """The servers of ``DATABASE_URL`` and the rest, with a dataset unless there is one."""
    settings = start.load()
    upgrade.upgrade(settings)
    with create_app(settings).app_context():
        there = db.session.scalar(select(func.count()).select_from(Workspace))
        db.engine.dispose()
    if not there:
        seeding.fill(settings, events, share, datetime.now(UTC))
    return settings


def _prepared(settings: Settings, embedded: Path | None) -> Place:
    with create_app(settings, statement_timeout_ms=0).app_context():
        session = db.session()
        found = session.execute(
            select(Workspace.slug, Workspace.id).where(Workspace.slug.in_(("big", "small-1")))
        )
        workspaces = dict(sorted((row.slug, row.id) for row in found))
        scope = Scope.of(*workspaces.values())
        tenancy.bind(scope, session)
        admins = _admins(list(workspaces.values()))
        keys = [
            api_keys.create_api_key(
                session, workspace, name="Load", scopes=frozenset({ApiScope.EVENTS_WRITE})
            ).secret
            for workspace in workspaces.values()
        ]
        session.commit()
        counted = _count(list(workspaces.values()))
        db.engine.dispose()
    return Place(settings, embedded, workspaces, keys, admins, counted)


def _count(workspaces: list[UUID]) -> int:
    total = db.session.scalar(
        select(func.sum(log_heads.c.seq)).where(log_heads.c.workspace_id.in_(workspaces))
    )
    db.session.rollback()
    return int(total or 0)


def _admins(workspaces: list[UUID]) -> list[str]:
    hashed = passwords.hashed(PASSWORD)
    known = set(db.session.scalars(select(User.email)))
    emails = [f"load-{number}@acme.example" for number in range(ADMINS)]
    for email in emails:
        if email not in known:
            user = User(email=email, name=email.partition("@")[0], password_hash=hashed)
            db.session.add(user)
            db.session.flush()
            db.session.add_all(
                Membership(workspace_id=w, user_id=user.id, role="admin") for w in workspaces
            )
    return emails
