"""Creates, changes, pauses, resumes and deletes schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.errors import Conflict, FieldError, InvalidFields, NotFound
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages
from auditsaas.events.schema import TargetInput
from auditsaas.exports.formats import format_called
from auditsaas.exports.requester import Requester
from auditsaas.own_activities import Activity
from auditsaas.permissions import ROLE_PERMISSIONS, Permission
from auditsaas.schedules.models import Schedule, ScheduleRun
from auditsaas.schedules.timetable import Timetable
from auditsaas.workspaces.models import Membership

READERS = [role for role, held in ROLE_PERMISSIONS.items() if Permission.EXPORT_CREATE in held]
"""The roles that may have a report."""

TOLD = (
    "name", "query", "format", "columns", "proof", "frequency", "weekday", "month_day",
    "time_of_day", "time_zone", "recipients", "owner_id",
)  # fmt: skip
"""Columns whose changes an event records."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The content of a schedule's form."""

    name: str
    event_filter: EventFilter
    format: str
    columns: tuple[str, ...] = ()
    proof: bool = False
    timetable: Timetable
    recipients: tuple[UUID, ...]


def readers(
    session: Session, workspace_id: UUID, among: Sequence[UUID] | None = None
) -> list[User]:
    """List the people who may receive a workspace's reports now, by name; the scope holds it."""
    found = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.workspace_id == workspace_id,
            Membership.disabled_at.is_(None),
            Membership.role.in_([role.value for role in READERS]),
            User.disabled_at.is_(None),
        )
        .order_by(func.lower(User.name), User.id)
    )
    if among is not None:
        found = found.where(User.id.in_(list(among)))
    return list(session.scalars(found))


def create(
    session: Session, workspace_id: UUID, plan: Plan, *, requester: Requester, now: datetime
) -> Schedule:
    """Schedule an export. Its first report covers the whole period before the next time due.

    Raises:
        InvalidFields: the format is unknown, or a recipient may not have the reports.
    """
    if requester.person is None:
        raise ValueError("a schedule is a person's")
    due = plan.timetable.due_after(now)
    schedule = Schedule(
        workspace_id=workspace_id,
        owner_id=requester.person.id,
        covered_until=plan.timetable.window_before(plan.timetable.window_end(due)),
        covered_seq=pages.heads(session, [workspace_id]).get(workspace_id, 0),
        next_due_at=due,
    )
    _write(session, schedule, plan)
    session.add(schedule)
    session.flush()
    record(session, Activity.SCHEDULE_CREATE, schedule, requester, changes=_changes({}, schedule))
    return schedule


def change(
    session: Session, schedule: Schedule, plan: Plan, *, requester: Requester, now: datetime
) -> None:
    """Change a schedule; the next report still starts where the last one ended.

    Raises:
        InvalidFields: the format is unknown, or a recipient may not have the reports.
    """
    locked(session, schedule)
    before = _told(schedule)
    moved = plan.timetable != schedule.timetable
    _write(session, schedule, plan)
    if moved:
        schedule.next_due_at = plan.timetable.due_covering(now, schedule.covered_until)
    session.flush()
    changes = _changes(before, schedule)
    if changes:
        record(session, Activity.SCHEDULE_UPDATE, schedule, requester, changes=changes)


def pause(session: Session, schedule: Schedule, *, requester: Requester, now: datetime) -> None:
    """Make no reports until it is resumed.

    Raises:
        Conflict: it is paused already.
    """
    locked(session, schedule)
    if schedule.paused_at is not None:
        raise Conflict("This schedule is paused already.")
    schedule.paused_at = now
    session.flush()
    record(session, Activity.SCHEDULE_PAUSE, schedule, requester, changes={"paused": [False, True]})


def resume(session: Session, schedule: Schedule, *, requester: Requester, now: datetime) -> None:
    """Go on: one report, at the next time due, covers all since the last one.

    The person who resumes a schedule whose owner may no longer have its reports becomes the owner.

    Raises:
        Conflict: it is not paused.
    """
    locked(session, schedule)
    if schedule.paused_at is None:
        raise Conflict("This schedule is not paused.")
    changes: dict[str, list[Any]] = {"paused": [True, False]}
    if not readers(session, schedule.workspace_id, [schedule.owner_id]) and requester.person:
        changes["owner_id"] = [str(schedule.owner_id), str(requester.person.id)]
        schedule.owner_id = requester.person.id
    schedule.paused_at = schedule.paused_because = None
    schedule.next_due_at = schedule.timetable.due_covering(now, schedule.covered_until)
    session.flush()
    record(session, Activity.SCHEDULE_RESUME, schedule, requester, changes=changes)


def delete(session: Session, schedule: Schedule, *, requester: Requester, now: datetime) -> None:
    """Make no more reports; the files that it made stay with the exports until they expire."""
    locked(session, schedule)
    schedule.deleted_at = now
    session.flush()
    before = {name: [value, None] for name, value in _told(schedule).items() if value is not None}
    record(session, Activity.SCHEDULE_DELETE, schedule, requester, changes=before)


def visible_to(person_id: UUID, everything_in: Sequence[UUID]) -> ColumnElement[bool]:
    """Build the condition for own schedules, those one receives, and all of ``everything_in``."""
    return or_(
        Schedule.owner_id == person_id,
        Schedule.recipients.contains([person_id]),
        Schedule.workspace_id.in_(everything_in),
    )


def find(
    session: Session, workspace_id: UUID, visible: ColumnElement[bool], schedule_id: UUID
) -> Schedule:
    """Find a schedule; raise NotFound alike if there is none or it is not for this person."""
    schedule = session.scalar(_present([workspace_id], visible).where(Schedule.id == schedule_id))
    if schedule is None:
        raise NotFound("There is no such schedule, or it is not yours to see.")
    return schedule


def of_workspaces(
    session: Session, workspace_ids: Sequence[UUID], visible: ColumnElement[bool]
) -> Sequence[Schedule]:
    """List visible schedules of the workspaces by name."""
    found = _present(workspace_ids, visible).order_by(func.lower(Schedule.name), Schedule.id)
    return session.scalars(found).all()


def history(
    session: Session, schedule: Schedule, *, limit: int, before: datetime | None = None
) -> Sequence[ScheduleRun]:
    """List the runs of a schedule, newest first."""
    found = select(ScheduleRun).where(
        ScheduleRun.workspace_id == schedule.workspace_id,
        ScheduleRun.schedule_id == schedule.id,
    )
    if before is not None:
        found = found.where(ScheduleRun.due_at < before)
    return session.scalars(found.order_by(ScheduleRun.due_at.desc()).limit(limit)).all()


def find_run(session: Session, schedule: Schedule, run_id: UUID) -> ScheduleRun:
    """Find a run; raise NotFound if the schedule has no such one."""
    run = session.get(ScheduleRun, (schedule.workspace_id, run_id))
    if run is None or run.schedule_id != schedule.id:
        raise NotFound("There is no such report.")
    return run


def locked(session: Session, schedule: Schedule) -> None:
    """Hold the schedule until the commit, as it is now: a ticker may be moving it on."""
    session.refresh(schedule, with_for_update={"of": Schedule})
    if schedule.deleted_at is not None:
        raise NotFound("There is no such schedule.")


def record(
    session: Session,
    activity: Activity,
    schedule: Schedule,
    requester: Requester,
    *,
    changes: dict[str, list[Any]] | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    own_actions.record(
        session,
        activity,
        workspaces={schedule.workspace_id: requester.roles.get(schedule.workspace_id)},
        actor=requester.actor,
        facts=requester.facts,
        status_code=303 if requester.facts else None,
        targets=[target(schedule)],
        changes=changes,
        metadata=metadata,
    )


def target(schedule: Schedule) -> TargetInput:
    return TargetInput(type="schedule", id=str(schedule.id), name=schedule.name)


def _write(session: Session, schedule: Schedule, plan: Plan) -> None:
    allowed = {user.id for user in readers(session, schedule.workspace_id, plan.recipients)}
    if not plan.recipients or set(plan.recipients) - allowed:
        message = (
            "Choose members who may export here." if plan.recipients else "Choose a recipient."
        )
        raise InvalidFields([FieldError("recipients", message)])
    schedule.name = plan.name
    schedule.query = plan.event_filter.without("range").query_string()
    schedule.format = format_called(plan.format).key
    schedule.columns = list(plan.columns) or None
    schedule.proof = plan.proof
    schedule.frequency = plan.timetable.frequency
    schedule.weekday = plan.timetable.weekday
    schedule.month_day = plan.timetable.month_day
    schedule.time_of_day = plan.timetable.at
    schedule.time_zone = plan.timetable.zone.key
    schedule.recipients = list(plan.recipients)


def _present(workspace_ids: Sequence[UUID], visible: ColumnElement[bool]) -> Select[Schedule]:
    return select(Schedule).where(
        Schedule.workspace_id.in_(workspace_ids), Schedule.deleted_at.is_(None), visible
    )


def _told(schedule: Schedule) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in TOLD:
        value = getattr(schedule, name)
        if name == "recipients":
            value = sorted(str(user_id) for user_id in value)
        found[name] = value if isinstance(value, int | list | None) else str(value)
    return found


def _changes(before: dict[str, Any], schedule: Schedule) -> dict[str, list[Any]]:
    return {
        name: [before.get(name), value]
        for name, value in _told(schedule).items()
        if before.get(name) != value
    }
