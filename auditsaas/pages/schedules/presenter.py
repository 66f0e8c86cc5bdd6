"""Schedules and their reports as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from auditsaas.errors import DomainError
from auditsaas.exports import wording
from auditsaas.exports.models import Export, ExportState
from auditsaas.formatting import times, zones
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.schedules.forms import WEEKDAYS
from auditsaas.schedules import reports, runs
from auditsaas.schedules.models import RunState, Schedule, ScheduleRun
from auditsaas.schedules.timetable import Frequency, Run, Timetable

SECOND = timedelta(seconds=1)
UNFINISHED = (ExportState.QUEUED, ExportState.BUILDING)
COVERS = {
    Frequency.DAILY: "The previous day, 00:00 to 23:59:59",
    Frequency.WEEKLY: "The previous calendar week, Monday 00:00 to Sunday 23:59:59",
    Frequency.MONTHLY: "The previous calendar month, from its first day to its last",
    Frequency.QUARTERLY: "The previous calendar quarter, from its first day to its last",
}


@dataclass(frozen=True, kw_only=True)
class ShownRun:
    """A run that is to come: when, and the days it covers, in the schedule's zone."""

    due: str
    window: str


@dataclass(frozen=True, kw_only=True)
class ShownSchedule:
    id: str
    name: str
    workspace: str
    rhythm: str
    filter_words: str
    format: str
    owner: str
    recipients: int
    paused: bool
    paused_because: str | None
    next_run: ShownRun | None
    url: str


@dataclass(frozen=True, kw_only=True)
class ShownReport:
    """A row of the history; an address that is None is not offered."""

    id: str
    due_at: datetime
    window: str
    state: str
    extra: str
    """The person who asked for it, where it was not due."""
    rows: int | None
    late: int
    size: int | None
    error: str | None
    sent_to: int
    left_out: int
    proof: bool
    download_url: str | None
    retry_url: str | None
    poll_url: str | None
    """The address that the row polls until it is built and sent, or has failed."""


def rhythm(timetable: Timetable) -> str:
    """Write `Weekly on Monday at 08:00 (New York)` or `Monthly on day 31 (or the last) at …`."""
    at = f"at {timetable.at:%H:%M} ({zones.place(timetable.zone)})"
    if timetable.frequency is Frequency.DAILY:
        return f"Daily {at}"
    if timetable.frequency is Frequency.WEEKLY:
        return f"Weekly on {WEEKDAYS[timetable.weekday]} {at}"
    day = str(timetable.month_day)
    day += " (or the last)" if timetable.month_day > 28 else ""
    if timetable.frequency is Frequency.MONTHLY:
        return f"Monthly on day {day} {at}"
    return f"Quarterly on day {day} of January, April, July and October {at}"


def next_runs(found: Sequence[Run], zone: ZoneInfo, viewer: Viewer) -> list[ShownRun]:
    local = in_zone(viewer, zone)
    return [ShownRun(due=moment(run.due, local), window=days(run, local)) for run in found]


def moment(at: datetime, viewer: Viewer) -> str:
    """Write `Mon 11/23/2026 08:00 EST`."""
    day = at.astimezone(viewer.zone).strftime("%a")
    zone = times.zone_letters(at, viewer)
    return f"{day} {times.date(at, viewer)} {times.minute(at, viewer)} {zone}"


def days(run: Run, viewer: Viewer) -> str:
    """Write `11/16 – 11/22`: the first and the last day that it covers."""
    start, end = run.window.start, run.window.end
    if start is None or end is None:
        return ""
    first, last = (times.short_date(at, viewer) for at in (start, end - SECOND))
    return first if first == last else f"{first} – {last}"


def in_zone(viewer: Viewer, zone: ZoneInfo) -> Viewer:
    return Viewer(zone=zone, date_format=viewer.date_format, clock=viewer.clock)


def filter_words(schedule: Schedule, now: datetime) -> str:
    try:
        return runs.filter_of(schedule, now).describe() or "Everything"
    except DomainError as error:
        return str(error)


def present(
    schedule: Schedule, slug: str, workspace: str, viewer: Viewer, now: datetime
) -> ShownSchedule:
    timetable = schedule.timetable
    upcoming = timetable.next_runs(1, schedule.next_due_at, schedule.covered_until)
    paused = schedule.paused_at is not None
    return ShownSchedule(
        id=str(schedule.id),
        name=schedule.name,
        workspace=workspace,
        rhythm=rhythm(timetable),
        filter_words=filter_words(schedule, now),
        format=wording.format_name(schedule.format),
        owner=schedule.owner.name,
        recipients=len(schedule.recipients),
        paused=paused,
        paused_because=schedule.paused_because,
        next_run=None if paused else next_runs(upcoming, timetable.zone, viewer)[0],
        url=f"/w/{slug}/schedules/{schedule.id}",
    )


def present_run(
    run: ScheduleRun,
    export: Export | None,
    names: Mapping[UUID, str],
    base_url: str,
    viewer: Viewer,
) -> ShownReport:
    found: dict[str, Any] = run.findings or {}
    state = export.state_now if export is not None else ExportState.EXPIRED
    url = f"{base_url}/runs/{run.id}"
    shown: str = run.state
    if export is not None and export.state in UNFINISHED:
        shown = RunState.BUILDING
    elif shown == RunState.SENT and state != ExportState.READY:
        shown = "expired"
    again = (ExportState.FAILED, ExportState.CANCELLED, ExportState.EXPIRED)
    return ShownReport(
        id=str(run.id),
        due_at=run.due_at,
        window=reports.period_words(run, viewer),
        state=shown,
        extra=names.get(run.asked_by, "a member") if run.asked_by else "",
        rows=found.get("events"),
        late=found.get("late", 0),
        size=export.bytes if export is not None else None,
        error=export.error if export is not None else None,
        sent_to=len(run.sent_to or ()),
        left_out=len(run.left_out or ()),
        download_url=_download_url(url, export) if state == ExportState.READY else None,
        proof=export is not None and export.proof,
        retry_url=f"{url}/retry" if export is not None and state in again else None,
        poll_url=url if shown == RunState.BUILDING else None,
    )


def _download_url(url: str, export: Export | None) -> str:
    """Return the address of the archive with the proof, where the report has one."""
    return f"{url}/bundle" if export is not None and export.proof else f"{url}/download"
