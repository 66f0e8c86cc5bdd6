"""One seeded dataset in a database of its own, made through the product's one way in."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask, current_app
from sqlalchemy import create_engine, text

from auditsaas import database, tenancy
from auditsaas.accounts import passwords, sessions
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.demo.activity import generate
from auditsaas.events.append import append
from auditsaas.events.schema import from_mapping
from auditsaas.extensions import db
from auditsaas.tenancy import Scope
from auditsaas.workspaces import service
from auditsaas.workspaces.models import Membership
from config import settings as settings_module

SEED = 20261123
DAYS = 365
BATCH = 1000


@dataclass(frozen=True)
class Dataset:
    app: Flask
    big: UUID
    """The biggest workspace."""
    big_slug: str
    user: UUID
    """An admin of every workspace."""
    events: int
    in_big: int


def ready(events: int, share: float) -> Dataset:
    """``events`` over a year, ``share`` of them in one workspace and the rest in nine others."""
    folder = Path(os.environ.get("BENCH_DIR") or "var/bench") / f"{events}-{round(share * 100)}"
    environ = {"DATA_DIR": str(folder), "STORAGE_URL": (folder / "files").resolve().as_uri()}
    settings = dataclasses.replace(settings_module.load(environ), base_url="http://127.0.0.1:8000")
    now = datetime.now(UTC)
    database.upgrade(settings, now)
    app = create_app(settings, statement_timeout_ms=0)
    with app.app_context():
        if db.session.scalar(text("SELECT count(*) FROM users")) == 0:
            _fill(events, share, now)
        return _find(app, events)


def _fill(events: int, share: float, now: datetime) -> None:
    session = db.session()
    names = ["Big", *(f"Small {n}" for n in range(1, 10))] if share < 1 else ["Big"]
    ids = [
        service.create_workspace(session, name, name.lower().replace(" ", "-")).id for name in names
    ]
    admin = User(email="bench@example.com", name="Bench", password_hash=passwords.hashed("x" * 16))
    session.add(admin)
    session.flush()
    tenancy.bind(Scope.of(*ids), session)
    session.add_all(Membership(workspace_id=i, user_id=admin.id, role="admin") for i in ids)
    session.commit()
    started = time.perf_counter()
    source = (event for _, event in generate(seed=SEED, total=events, now=now, days=DAYS))
    for workspace_id, batch in _dealt(source, ids, share):
        append(session, workspace_id, [from_mapping(event, now) for event in batch])
        session.commit()
    rate = events / (time.perf_counter() - started)
    print(f"seeded {events:,} events, {rate:,.0f} a second in one process")
    _analyze()


def _dealt(
    source: Iterator[dict[str, Any]], ids: list[UUID], share: float
) -> Iterator[tuple[UUID, list[dict[str, Any]]]]:
    """Batches in time order, dealt so that the first workspace gets its share."""
    given = dict.fromkeys(ids, 0)
    total = 0
    while batch := list(islice(source, BATCH)):
        big, *small = ids
        behind = not small or given[big] <= share * total
        chosen = big if behind else min(small, key=given.__getitem__)
        given[chosen] += len(batch)
        total += len(batch)
        yield chosen, batch


def _analyze() -> None:
    """What autovacuum would have done by itself after a while."""
    owner = create_engine(
        current_app.extensions["settings"].migration_database_url, isolation_level="AUTOCOMMIT"
    )
    with owner.connect() as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    owner.dispose()


def _find(app: Flask, events: int) -> Dataset:
    session = db.session()
    workspace = session.execute(text("SELECT id, slug FROM workspaces WHERE slug = 'big'")).one()
    user = session.scalar(text("SELECT id FROM users WHERE email = 'bench@example.com'"))
    session.rollback()
    tenancy.bind(Scope.of(workspace.id), session)
    in_big = session.scalar(text("SELECT seq FROM log_heads"))
    session.rollback()
    return Dataset(app, workspace.id, workspace.slug, user, events, in_big)


def signed_in(dataset: Dataset) -> Any:
    """A client of the app with a live session of the admin."""
    client = dataset.app.test_client()
    with dataset.app.app_context():
        session_id = sessions.start(db.session(), dataset.user)
        db.session.commit()
    client.set_cookie(dataset.app.config["SESSION_COOKIE_NAME"], session_id)
    return client
