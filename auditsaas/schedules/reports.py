"""Concludes reports when their export has ended: summary, recipients and mails.

The run's state, the notifications and the mails are one transaction, so each recipient is told of
each report once, however often a worker tries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.anchors import reports as anchored
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports import wording
from auditsaas.exports.models import FINAL_STATES, Export, ExportState
from auditsaas.formatting import numbers, times, viewer
from auditsaas.formatting.viewer import Clock, DateFormat, Viewer
from auditsaas.notifications.service import notify
from auditsaas.own_activities import Activity
from auditsaas.schedules import report_summary, service
from auditsaas.schedules.models import RunState, Schedule, ScheduleRun
from auditsaas.schedules.report_summary import Findings
from auditsaas.workspaces.models import Workspace

MADE = (ExportState.READY, ExportState.EXPIRED)
SECOND = timedelta(seconds=1)

_ENDED = or_(
    and_(ScheduleRun.state == RunState.BUILDING, Export.state.in_(FINAL_STATES)),
    and_(ScheduleRun.state == RunState.FAILED, Export.state == ExportState.READY),
)
"""Done and not told of; a failed one again, once its export was tried again and went well."""


def ended(platform: Session, limit: int = 500) -> Sequence[tuple[UUID, UUID]]:
    """Select workspace and id of the ended runs of all workspaces, oldest first."""
    rows = platform.execute(
        select(ScheduleRun.workspace_id, ScheduleRun.id)
        .join(Export, Export.id == ScheduleRun.export_id)
        .join(Workspace, Workspace.id == ScheduleRun.workspace_id)
        .where(_ENDED, Workspace.suspended_at.is_(None))
        .order_by(ScheduleRun.created_at)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in rows]


def conclude(session: Session, workspace_id: UUID, run_id: UUID) -> bool:
    """Notify the recipients of an ended report; return whether this call did."""
    tenancy.bind(Scope.of(workspace_id), session)
    row = session.execute(
        select(ScheduleRun, Export)
        .join(Export, Export.id == ScheduleRun.export_id)
        .where(ScheduleRun.workspace_id == workspace_id, ScheduleRun.id == run_id, _ENDED)
        .with_for_update(of=ScheduleRun, skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return False
    run, export = row
    schedule = session.get_one(Schedule, (workspace_id, run.schedule_id))
    if export.state in MADE:
        _send(session, schedule, run, export)
    else:
        _fail(session, schedule, run, export)
    return True


def _send(session: Session, schedule: Schedule, run: ScheduleRun, export: Export) -> None:
    found = report_summary.find(session, run, export.pinned_filter, _before(session, run))
    allowed = service.readers(session, run.workspace_id, schedule.recipients)
    run.state, run.finished_at = RunState.SENT, func.now()
    run.findings = found.as_json()
    run.sent_to = [person.id for person in allowed]
    run.left_out = sorted(set(schedule.recipients) - {person.id for person in allowed})
    session.flush()
    workspace = session.get_one(Workspace, run.workspace_id)
    asked_by = session.get_one(User, run.asked_by).name if run.asked_by else ""
    url = f"/w/{workspace.slug}/schedules/{schedule.id}/runs/{run.id}"
    sealed = anchored.seal(session, run.workspace_id)
    if sealed and allowed:
        anchored.mailed(session, run.workspace_id, sealed, run.id)
    for person in allowed:
        viewer = _viewer(schedule, person)
        facts = mail_facts(schedule, run, export, found, workspace, viewer)
        file = "bundle" if export.proof else "download"
        facts |= {"url": f"{url}/{file}", "manual": asked_by, **_seal_facts(sealed, viewer)}
        detail = f"{wording.format_name(export.format)} · {wording.rows(found.events)}"
        detail += ", with proof" if export.proof else ""
        _notify(session, run, person, "report.ready", schedule.name, detail, url, facts)
    numbers = {"rows": found.events, "late": found.late, "errors": found.errors}
    _record(session, schedule, run, ok=True, metadata=numbers)


def _fail(session: Session, schedule: Schedule, run: ScheduleRun, export: Export) -> None:
    run.state, run.finished_at = RunState.FAILED, func.now()
    session.flush()
    reason = export.error or "It was cancelled."
    workspace = session.get_one(Workspace, run.workspace_id)
    url = f"/w/{workspace.slug}/schedules/{schedule.id}"
    for person in service.readers(session, run.workspace_id, [schedule.owner_id]):
        viewer = _viewer(schedule, person)
        facts = {
            "workspace": workspace.name,
            "schedule_url": url,
            "period": period_words(run, viewer),
        }
        _notify(session, run, person, "report.failed", schedule.name, reason, url, facts)
    _record(session, schedule, run, ok=False, metadata={"reason": reason})


def mail_facts(
    schedule: Schedule,
    run: ScheduleRun,
    export: Export,
    found: Findings,
    workspace: Workspace,
    viewer: Viewer,
) -> dict[str, Any]:
    """Return the facts of a report's mail, worded as its reader reads dates."""
    before = found.events_before
    return {
        "workspace": workspace.name,
        "schedule_url": f"/w/{workspace.slug}/schedules/{schedule.id}",
        "format": wording.format_name(export.format),
        "filter_words": export.asked_filter.describe() or "Everything",
        "period": period_words(run, viewer),
        "period_short": days(run.starts_at, run.ends_at, viewer),
        "proof": export.proof,
        "kept_until": times.date(export.expires_at, viewer) if export.expires_at else "",
        "error_share": numbers.percent(found.errors, found.events),
        "share_before": numbers.percent(found.errors_before or 0, before) if before else "",
        **found.as_json(),
    }


def _seal_facts(sealed: Sealed | None, viewer: Viewer) -> dict[str, Any]:
    """Return what a mail tells of the log's newest seal, which its readers thereby keep."""
    if sealed is None:
        return {}
    return {
        "seal": sealed.note,
        "sealed_events": sealed.size,
        "sealed_at": times.stamp(sealed.at, viewer),
    }


def period_words(run: ScheduleRun, viewer: Viewer) -> str:
    """Write `11/09/2026 00:00:00 EST to 11/15/2026 23:59:59 EST`."""
    return times.interval(run.starts_at, run.ends_at - SECOND, viewer)


def days(start: datetime, end: datetime, viewer: Viewer) -> str:
    """Write `11/09 – 11/15/2026`: first and last day; the year twice only where there are two."""
    first, last = (
        start.astimezone(viewer.zone),
        (end - SECOND).astimezone(viewer.zone),
    )
    if first.date() == last.date():
        return times.date(last, viewer)
    # A date that begins with its year keeps it first.
    short = first.year == last.year and not viewer.date_format.startswith("YYYY")
    begins = times.short_date(first, viewer) if short else times.date(first, viewer)
    return f"{begins} – {times.date(last, viewer)}"


def _notify(
    session: Session,
    run: ScheduleRun,
    person: User,
    kind: str,
    title: str,
    body: str,
    url: str,
    facts: dict[str, Any],
) -> None:
    # Each person's notifications are behind their own wall.
    tenancy.bind(Scope.of(run.workspace_id, user=person.id), session)
    notify(
        session,
        person.id,
        kind=kind,
        title=title,
        body=body,
        url=url,
        tenant=run.workspace_id,
        facts=facts,
    )


def _record(
    session: Session, schedule: Schedule, run: ScheduleRun, *, ok: bool, metadata: dict[str, Any]
) -> None:
    own_actions.record(
        session,
        Activity.SCHEDULE_RUN,
        workspaces=[run.workspace_id],
        actor=own_actions.schedule(schedule.id, name=schedule.name),
        status="success" if ok else "error",
        targets=[service.target(schedule)],
        metadata={
            "export": str(run.export_id),
            "from": run.starts_at.isoformat(),
            "to": run.ends_at.isoformat(),
            "recipients": len(run.sent_to or ()),
            "left_out": len(run.left_out or ()),
            **metadata,
        },
    )


def _before(session: Session, run: ScheduleRun) -> ScheduleRun | None:
    """Read the last report on time before this one."""
    return session.scalar(
        select(ScheduleRun)
        .where(
            ScheduleRun.workspace_id == run.workspace_id,
            ScheduleRun.schedule_id == run.schedule_id,
            ScheduleRun.asked_by.is_(None),
            ScheduleRun.state == RunState.SENT,
            ScheduleRun.due_at < run.due_at,
        )
        .order_by(ScheduleRun.due_at.desc())
        .limit(1)
    )


def _viewer(schedule: Schedule, person: User) -> Viewer:
    """Build a viewer for a person in the schedule's zone, whose days a report covers."""
    formats: tuple[DateFormat, ...] = get_args(DateFormat)
    clocks: tuple[Clock, ...] = get_args(Clock)
    default = viewer.DEFAULT
    return Viewer(
        zone=ZoneInfo(schedule.time_zone),
        date_format=next((f for f in formats if f == person.date_format), default.date_format),
        clock=next((c for c in clocks if c == person.clock), default.clock),
    )
