"""One seeded dataset in a database of its own, made through the product's one way in and kept."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import text

from auditsaas.accounts import sessions
from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from auditsaas.operations import upgrade
from bench import seeding
from config import embedded, start
from config.settings import Settings

MADE = "made.json"
"""Written last: a folder without it holds half a dataset."""

COPIED = (MADE, "postgres", "redis", "secret_key")
"""What a copy needs: not the files of exports, and not what peers made of the events."""


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

    @property
    def settings(self) -> Settings:
        found: Settings = self.app.extensions["settings"]
        return found


def bench_dir() -> Path:
    """Where datasets and what is installed for comparison are kept between runs."""
    return Path(os.environ.get("BENCH_DIR") or "var/bench").resolve()


def words(events: int, share: float) -> str:
    """How a dataset that there is was made."""
    return str(json.loads((_folder(events, share) / MADE).read_text())["words"])


def ready(events: int, share: float) -> Dataset:
    """``events`` over a year, ``share`` of them in one workspace and the rest in nine others."""
    folder = _folder(events, share)
    if not (folder / MADE).exists():
        _make(folder, events, share)
    settings = settings_of(folder)
    upgrade.upgrade(settings)
    app = create_app(settings, statement_timeout_ms=0)
    with app.app_context():
        return _find(app, events)


def settings_of(folder: Path) -> Settings:
    """The settings of the servers of a data folder, which are started."""
    environ = {"DATA_DIR": str(folder), "STORAGE_URL": (folder / "files").resolve().as_uri()}
    return dataclasses.replace(start.load(start.demo(environ)), base_url="http://127.0.0.1:8000")


@contextmanager
def copied(events: int, share: float, name: str) -> Iterator[Dataset]:
    """A dataset to spoil: a copy that is gone afterwards."""
    source = _folder(events, share)
    if not (source / MADE).exists():
        _make(source, events, share)
    embedded.stop(source)
    folder = bench_dir() / f"copy-{name}"
    _remove(folder)
    folder.mkdir(mode=0o700)
    parts = [str(source / part) for part in COPIED if (source / part).exists()]
    subprocess.run(["cp", "--archive", "--reflink=auto", *parts, str(folder)], check=True)
    try:
        settings = settings_of(folder)
        upgrade.upgrade(settings)
        app = create_app(settings, statement_timeout_ms=0)
        with app.app_context():
            found = _find(app, events)
        yield found
    finally:
        _remove(folder)


def _folder(events: int, share: float) -> Path:
    return bench_dir() / f"{events}-{round(share * 100)}"


def _make(folder: Path, events: int, share: float) -> None:
    _remove(folder)
    now = datetime.now(UTC)
    settings = settings_of(folder)
    upgrade.upgrade(settings, now)
    print(f"making {events:,} events by {seeding.SENDERS} processes …", flush=True)
    started = time.perf_counter()
    seconds = seeding.fill(settings, events, share, now)
    words = (
        f"{events:,} events over a year, {share:.0%} of them in one workspace; made through the"
        f" product's append on {now:%Y-%m-%d} by {seeding.SENDERS} processes in batches of"
        f" {seeding.BATCH:,}, {events / seconds:,.0f} events/s"
    )
    print(f"{words}; {time.perf_counter() - started:,.0f} s in all", flush=True)
    (folder / MADE).write_text(json.dumps({"words": words, "seconds": seconds}))


def _remove(folder: Path) -> None:
    if folder.exists():
        embedded.stop(folder)
        shutil.rmtree(folder)


def _find(app: Flask, events: int) -> Dataset:
    session = db.session()
    workspace = session.execute(text("SELECT id, slug FROM workspaces WHERE slug = 'big'")).one()
    user = session.scalar(text("SELECT id FROM users WHERE email = :e"), {"e": seeding.EMAIL})
    session.rollback()
    tenancy.bind(Scope.of(workspace.id), session)
    in_big = session.scalar(text("SELECT seq FROM log_heads"))
    session.rollback()
    return Dataset(app, workspace.id, workspace.slug, user, events, in_big)


def signed_in(dataset: Dataset) -> Any:
    """A client of the app with a live session of the admin."""
    client = dataset.app.test_client()
    client.set_cookie(dataset.app.config["SESSION_COOKIE_NAME"], session_of(dataset))
    return client


def session_of(dataset: Dataset) -> str:
    """The id of a new live session of the admin."""
    with dataset.app.app_context():
        session_id = sessions.start(db.session(), dataset.user)
        db.session.commit()
        return session_id
