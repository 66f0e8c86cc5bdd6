"""Builds the Flask application of workers: settings, database and queue, and none of the pages.

What people see takes a third of a process's memory, which each worker would pay for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask

from auditsaas import logs
from auditsaas.db import deadlines, isolation, pools, replica, tickets
from auditsaas.db.platform import PLATFORM_BIND
from auditsaas.extensions import db
from auditsaas.jobs import queue
from config.settings import Settings
from config.start import load

APP_POOL = "app"
"""The name in figures of the pool that serves people and senders."""

PoolOptions = Callable[..., dict[str, object]]


def create_worker_app(settings: Settings | None = None) -> Flask:
    """Build a worker's application; without ``settings`` they are read from the environment.

    Its statements take as long as they need: the time limits of tasks bound them.
    """
    return connected(Flask("auditsaas"), settings or load(), {}, statement_timeout_ms=0)


def connected(
    app: Flask, settings: Settings, config: Mapping[str, Any], *, statement_timeout_ms: int
) -> Flask:
    """Give an application what pages and tasks need alike, the log's form first of all.

    Raises:
        SettingsError: a role that serves people stands above row-level security.
    """
    logs.install(as_json=settings.production)
    if settings.production:
        isolation.refuse_to_start_above(settings)
    app.config.update(config)
    app.extensions["settings"] = settings
    tickets.sign_with(settings.secret_key)
    _connect(app, settings, statement_timeout_ms)
    queue.install(app, settings)
    return app


def _connect(app: Flask, settings: Settings, statement_timeout_ms: int) -> None:
    pooled, bounded = settings.transaction_pooling, statement_timeout_ms > 0

    def options(url: str, name: str, make: PoolOptions = pools.engine_options) -> dict[str, object]:
        made = make(url, statement_timeout_ms, name=name, transaction_pooling=pooled)
        return made | {"pool_pre_ping": not bounded}

    binds = {PLATFORM_BIND: options(settings.platform_database_url, PLATFORM_BIND)}
    if settings.replica_database_url:
        binds[replica.REPLICA_BIND] = options(
            settings.replica_database_url, replica.REPLICA_BIND, replica.engine_options
        )
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options(settings.database_url, APP_POOL)
    app.config["SQLALCHEMY_BINDS"] = binds
    db.init_app(app)
    app.teardown_appcontext(pools.end_transaction)
    with app.app_context():
        for name, engine in db.engines.items():
            pools.guard(engine)
            pools.commit_reads(engine)
            deadlines.bound(
                engine,
                deadlines.beyond(statement_timeout_ms),
                # Through a pooler a ping waits for its turn like any statement.
                ping_seconds=deadlines.beyond(statement_timeout_ms)
                if pooled
                else deadlines.PING_SECONDS,
                # The primary answers in the place of a replica, at once.
                wait_out_restarts=name != replica.REPLICA_BIND,
                # Without a deadline, one that is frozen is found by the ping alone.
                ping_if_doubtful=bounded,
            )
            if pooled:
                pools.settle_each_transaction(engine, statement_timeout_ms)
