"""Making schedules and letting time pass, as tests need it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import Engine, select, text

from auditsaas.accounts.models import User
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading.scans.source import source
from auditsaas.exports.building.build import export_job
from auditsaas.exports.kind import UNFINISHED
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.jobs.runner import run
from auditsaas.schedules import service
from auditsaas.schedules.models import Schedule, ScheduleRun
from auditsaas.schedules.service import Plan
from auditsaas.schedules.timetable import Frequency, Timetable
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from tasks.schedules import tick
from tests.support.factories import scoped

DAILY = Timetable(frequency=Frequency.DAILY, at=time(8), zone=ZoneInfo("UTC"))


def make_schedule(
    workspace: Workspace,
    owner: User,
    now: datetime,
    *,
    recipients: Sequence[User] | None = None,
    timetable: Timetable = DAILY,
    event_filter: EventFilter | None = None,
    **columns: Any,
) -> UUID:
    people = [owner] if recipients is None else recipients
    plan = Plan(
        name=columns.get("name", "Daily digest"),
        event_filter=event_filter or EventFilter(),
        format=columns.get("format", "csv"),
        proof=columns.get("proof", False),
        timetable=timetable,
        recipients=tuple(person.id for person in people),
    )
    requester = Requester(person=owner, roles={workspace.id: "admin"})
    with scoped(workspace.id, user=owner.id) as session:
        schedule = service.create(session, workspace.id, plan, requester=requester, now=now)
        session.commit()
        return schedule.id


def let_pass(app: Flask, now: datetime, rounds: int | None = None) -> None:
    """Tick as if it were ``now`` until nothing is due (or some rounds), building in between."""
    done = 0
    with app.app_context():
        build_all(app)
        while tick(now) and (rounds is None or done < rounds):
            build_all(app)
            done += 1


def end_all_schedules(owner_engine: Engine) -> None:
    """End the schedules of earlier tests, which are due again when a later test moves the clock."""
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE schedules NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text("UPDATE schedules SET deleted_at = now()"))
        connection.execute(text("ALTER TABLE schedules FORCE ROW LEVEL SECURITY"))


def build_all(app: Flask) -> None:
    settings = app.extensions["settings"]
    with platform_session(JOBS) as platform:
        found = platform.scalars(
            select(Export.id).where(Export.state.in_(UNFINISHED), Export.schedule_name != "")
        ).all()
    for export_id in found:
        run(export_job(storage_at(settings.storage_url)), export_id)


def runs_of(workspace: Workspace, schedule_id: UUID) -> list[ScheduleRun]:
    """The runs, oldest first."""
    with scoped(workspace.id) as session:
        found = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)
        return list(session.scalars(found.order_by(ScheduleRun.due_at)))


def schedule_row(workspace: Workspace, schedule_id: UUID) -> Schedule:
    with scoped(workspace.id) as session:
        return session.get_one(Schedule, (workspace.id, schedule_id))


def ids_in(workspace: Workspace, run: ScheduleRun) -> list[str]:
    """The events that a report's file holds, as its writer reads them."""
    with scoped(workspace.id) as session:
        export = session.get_one(Export, run.export_id)
        logs = source(
            session,
            [workspace.id],
            export.pinned_filter,
            snapshot={workspace.id: export.snapshot[str(workspace.id)]},
            since={workspace.id: (export.since or {})[str(workspace.id)]},
        )
        return [str(row.id) for row in session.execute(logs.ordered([events.c.id]))]
