"""Asking for exports and reading their files, as tests need it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import Engine, text
from werkzeug.datastructures import MultiDict

from auditsaas.accounts.models import User
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages
from auditsaas.exports.asking.request import NO_OPTIONS, ExportRequest, request_export
from auditsaas.exports.building.build import export_job
from auditsaas.exports.building.opening import DEFAULT_OPTIONS, InstallationOptions
from auditsaas.exports.formats import Options, format_called
from auditsaas.exports.requester import Requester
from auditsaas.extensions import Base
from auditsaas.jobs.runner import run
from auditsaas.storage.local import LocalStorage
from auditsaas.workspaces.models import Workspace
from tests.support.factories import scoped

UTC_ZONE = ZoneInfo("UTC")


def parsed_filter(args: dict[str, Any] | None = None, zone: ZoneInfo = UTC_ZONE) -> EventFilter:
    return EventFilter.from_args(MultiDict(args or {}), zone=zone, now=datetime.now(UTC))


def ask(
    person: User,
    workspaces: Sequence[Workspace],
    event_filter: EventFilter | None = None,
    zone: ZoneInfo = UTC_ZONE,
    *,
    format: str = "csv",
    options: Options = NO_OPTIONS,
    proof: bool = False,
    since: Mapping[UUID, int] | None = None,
) -> UUID:
    """Ask for a file and commit, without telling any worker; the id of the export."""
    ids = sorted(workspace.id for workspace in workspaces)
    with scoped(*ids, user=person.id) as session:
        export = request_export(
            session,
            ExportRequest(
                requester=Requester(person=person, roles=dict.fromkeys(ids, "admin")),
                workspaces=ids,
                format=format_called(format),
                options=options,
                event_filter=event_filter or EventFilter(),
                zone=zone,
                proof=proof,
                since=since,
            ),
        )
        session.commit()
        return export.id


def build_in(
    app: Flask, export_id: UUID, folder: Path, options: InstallationOptions = DEFAULT_OPTIONS
) -> Any:
    """Build an export here and now; the row as it is afterwards."""
    with app.app_context():
        run(export_job(LocalStorage(folder), options), export_id)
    return row_of(app, export_id)


def row_of(app: Flask, export_id: UUID) -> Any:
    """Read an export's row, of any workspace."""
    table = Base.metadata.tables["exports"]
    with app.app_context(), platform_session(JOBS) as session:
        return session.execute(table.select().where(table.c.id == export_id)).one()


def age(owner_engine: Engine, export_id: UUID, column: str) -> None:
    """Move one of the export's times an hour into the past, as if that much had gone by."""
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE exports DISABLE ROW LEVEL SECURITY"))
        connection.execute(
            text(f"UPDATE exports SET {column} = now() - interval '1 hour' WHERE id = :id"),  # noqa: S608  # a column's name
            {"id": export_id},
        )
        connection.execute(text("ALTER TABLE exports ENABLE ROW LEVEL SECURITY"))


def end_all_exports(owner_engine: Engine) -> None:
    """End the exports of earlier tests, which every test that sweeps would build."""
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE exports NO FORCE ROW LEVEL SECURITY"))
        connection.execute(
            text("UPDATE exports SET state = 'cancelled' WHERE state IN ('queued', 'building')")
        )
        connection.execute(text("ALTER TABLE exports FORCE ROW LEVEL SECURITY"))


@contextmanager
def log_locked_to_readers(owner_engine: Engine) -> Iterator[None]:
    """Lock the log, which holds a build in the middle: readers wait."""
    with owner_engine.connect() as connection:
        connection.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()


def cells(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV by their header, as Python's own parser reads them."""
    text = content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def ids_on_the_page(workspaces: Sequence[Workspace], event_filter: EventFilter) -> list[str]:
    """The ids of all matching events, by walking the pages of the log."""
    ids = sorted(workspace.id for workspace in workspaces)
    found: list[str] = []
    before = None
    with scoped(*ids) as session:
        while True:
            page = pages.page(session, ids, event_filter, limit=50, before=before)
            found += [str(row.id) for row in page.rows]
            if not page.older:
                return found
            before = page.rows[-1].id
