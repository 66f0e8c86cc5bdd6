"""Starts the reports that are due, each once, and the extra ones that people ask for.

A report holds every matching event that occurred before its end, except what an earlier report
held: those that occurred since the last one ended, and, of the older ones, those that arrived since
(their sequence numbers are above the last report's). Both ends move in the transaction that makes
the run, so reports neither leave out an event nor hold one twice, however late it came.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qsl
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict, DomainError
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.exports.asking.request import ExportRequest, request_export
from auditsaas.exports.formats import Options, format_called
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.notifications.service import notify
from auditsaas.own_activities import Activity
from auditsaas.schedules import service
from auditsaas.schedules.models import RunState, Schedule, ScheduleRun
from auditsaas.workspaces.models import Workspace

log = logging.getLogger(__name__)


def due(platform: Session, now: datetime, limit: int = 500) -> Sequence[tuple[UUID, UUID]]:
    """Select workspace and id of the due schedules of all workspaces."""
    # A suspended workspace cannot be opened; its missed reports are made once it is resumed.
    rows = platform.execute(
        select(Schedule.workspace_id, Schedule.id)
        .join(Workspace, Workspace.id == Schedule.workspace_id)
        .where(*is_due(now), Workspace.suspended_at.is_(None))
        .order_by(Schedule.next_due_at)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in rows]


def start_due(
    session: Session, workspace_id: UUID, schedule_id: UUID, now: datetime
) -> Export | None:
    """Start the oldest due report of a schedule; None where another ticker started it.

    Missed reports are made up one after the other: the next begins when the last is done.
    """
    tenancy.bind(Scope.of(workspace_id), session)
    schedule = session.scalar(
        select(Schedule)
        .where(Schedule.workspace_id == workspace_id, Schedule.id == schedule_id, *is_due(now))
        .with_for_update(of=Schedule, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return None if schedule is None else start(session, schedule, now)


def start(session: Session, schedule: Schedule, now: datetime) -> Export | None:
    """Start the report at ``next_due_at``; None where it was started before, or cannot be."""
    if _is_building(session, schedule):
        return None
    workspace_id, due_at = schedule.workspace_id, schedule.next_due_at
    tenancy.bind(Scope.of(workspace_id, user=schedule.owner_id), session)
    owners = service.readers(session, workspace_id, [schedule.owner_id])
    if not owners:
        _stop(session, schedule, "Its owner may no longer export from this workspace.", now)
        return None
    window = TimeRange(schedule.covered_until, schedule.timetable.window_end(due_at))
    try:
        with session.begin_nested():
            made = _made(session, schedule, window, due_at, Requester(person=owners[0]), now)
    except DomainError as error:
        _stop(session, schedule, str(error), now)
        return None
    if made is None:
        return None
    schedule.covered_until = made.ends_at or schedule.covered_until
    schedule.covered_seq = made.snapshot[str(workspace_id)]
    schedule.next_due_at = schedule.timetable.due_covering(due_at, schedule.covered_until)
    session.flush()
    return made


def run_now(session: Session, schedule: Schedule, *, requester: Requester, now: datetime) -> Export:
    """Start an extra report of what has come since the last one; due reports stay as they are.

    Raises:
        Conflict: one is being built.
    """
    service.locked(session, schedule)
    window = TimeRange(schedule.covered_until, now)
    made = None
    # Reports on time are due at whole minutes; an extra one never takes the place of one.
    asked_at = now if now.microsecond else now + timedelta(microseconds=1)
    if not _is_building(session, schedule) and schedule.covered_until < now:
        made = _made(session, schedule, window, asked_at, requester, now, extra=True)
    if made is None:
        raise Conflict("A report of this schedule is being built. Wait until it is done.")
    metadata = {"export": str(made.id), "extra": True}
    service.record(session, Activity.SCHEDULE_RUN, schedule, requester, metadata=metadata)
    return made


def filter_of(schedule: Schedule, now: datetime) -> EventFilter:
    """Read the stored filter; raise FilterError if it cannot be understood any more."""
    return EventFilter.from_args(
        MultiDict(parse_qsl(schedule.query)), zone=ZoneInfo(schedule.time_zone), now=now
    )


def _made(
    session: Session,
    schedule: Schedule,
    window: TimeRange,
    due_at: datetime,
    requester: Requester,
    now: datetime,
    *,
    extra: bool = False,
) -> Export | None:
    """Make the run and its export; None where there is a run of that time already."""
    workspace_id = schedule.workspace_id
    person = requester.person
    run_id = session.scalar(
        insert(ScheduleRun)
        .values(
            workspace_id=workspace_id,
            id=new_id(),
            schedule_id=schedule.id,
            due_at=due_at,
            asked_by=person.id if extra and person else None,
            export_id=new_id(),
            starts_at=window.start,
            ends_at=window.end,
            since_seq=schedule.covered_seq,
            upto_seq=schedule.covered_seq,
        )
        .on_conflict_do_nothing()
        .returning(ScheduleRun.id)
    )
    if run_id is None:
        return None
    asked = ExportRequest(
        requester=requester,
        workspaces=[workspace_id],
        format=format_called(schedule.format),
        event_filter=filter_of(schedule, now).with_period(window),
        zone=ZoneInfo(schedule.time_zone),
        status_code=303 if requester.facts else None,
        options=Options(tuple(schedule.columns or ())),
        since={workspace_id: schedule.covered_seq},
        schedule_name=schedule.name,
        proof=schedule.proof,
    )
    export = request_export(session, asked)
    run = session.get_one(ScheduleRun, (workspace_id, run_id))
    run.export_id = export.id
    run.upto_seq = export.snapshot[str(workspace_id)]
    session.flush()
    return export


def _stop(session: Session, schedule: Schedule, reason: str, now: datetime) -> None:
    """Pause a schedule that cannot go on: nothing is skipped, for what it covered stays."""
    schedule.paused_at, schedule.paused_because = now, reason
    session.flush()
    log.warning("Schedule %s stopped: %s", schedule.id, reason)
    workspace = session.get_one(Workspace, schedule.workspace_id)
    people = service.readers(session, schedule.workspace_id, schedule.recipients)
    for person in people:
        tenancy.bind(Scope.of(schedule.workspace_id, user=person.id), session)
        url = f"/w/{workspace.slug}/schedules/{schedule.id}"
        notify(
            session, person.id, kind="schedule.stopped", title=schedule.name, body=reason, url=url
        )
    own_actions.record(
        session,
        Activity.SCHEDULE_PAUSE,
        workspaces=[schedule.workspace_id],
        actor=own_actions.schedule(schedule.id, name=schedule.name),
        status="error",
        targets=[service.target(schedule)],
        changes={"paused": [False, True]},
        metadata={"reason": reason},
    )


def _is_building(session: Session, schedule: Schedule) -> bool:
    found = select(ScheduleRun.id).where(
        ScheduleRun.workspace_id == schedule.workspace_id,
        ScheduleRun.schedule_id == schedule.id,
        ScheduleRun.state == RunState.BUILDING,
    )
    return session.scalar(found.limit(1)) is not None


def is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Schedule.next_due_at <= now,
        Schedule.paused_at.is_(None),
        Schedule.deleted_at.is_(None),
    )
