"""An installation of a test's own, without any account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from sqlalchemy import Engine, Row, create_engine, text
from sqlalchemy.orm import Session

from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from auditsaas.operations import upgrade
from config import embedded
from config.settings import Settings
from tests.support.engines import data_folder

KEPT = ("alembic_version", "scope_keys")
TABLES = text(
    "SELECT string_agg(quote_ident(relname), ', ') FROM pg_class WHERE relkind IN ('r', 'p')"
    " AND relnamespace = 'public'::regnamespace AND NOT relispartition AND relname <> ALL (:kept)"
)


@dataclass(frozen=True)
class Fresh:
    """The application of a new installation, and its database as its owner sees it."""

    app: Flask
    settings: Settings
    owner: Engine

    def empty(self) -> None:
        """Take everything away again, so that the next test meets a new installation."""
        with self.owner.begin() as connection:
            tables = connection.scalar(TABLES, {"kept": [*KEPT]})
            connection.exec_driver_sql(f"TRUNCATE {tables}")

    def rows(self, statement: str, **values: object) -> list[Row[Any]]:
        """What the tables' owner reads, with every workspace in scope."""
        with Session(self.owner) as session:
            ids = session.scalars(text("SELECT id FROM workspaces")).all()
            tenancy.bind(Scope.of(*ids), session)
            return list(session.execute(text(statement), values))

    def count(self, table: str) -> int:
        found = self.rows(f"SELECT count(*) AS n FROM {table}")  # noqa: S608  # a test's own word
        return int(found[0].n)

    def activities(self, workspace: str) -> list[str]:
        """The names of a log's events, in their order."""
        found = self.rows(
            "SELECT activity FROM events JOIN workspaces AS w ON w.id = workspace_id"
            " WHERE w.slug = :slug ORDER BY seq",
            slug=workspace,
        )
        return [row.activity for row in found]


@contextmanager
def fresh_installation(settings: Settings) -> Iterator[Fresh]:
    """Make one with the secret, Redis and files of the run's own."""
    with data_folder() as folder:
        urls = embedded.start_postgres(folder)
        own = replace(
            settings,
            database_url=urls.app,
            platform_database_url=urls.platform,
            migration_database_url=urls.owner,
        )
        upgrade.upgrade(own)
        owner = create_engine(own.owner_url)
        app = create_app(own)
        app.testing = True
        yield Fresh(app, own, owner)
        owner.dispose()
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()
