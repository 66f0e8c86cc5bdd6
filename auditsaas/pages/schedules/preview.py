"""Preview of a schedule as its form says: runs to come, and the mail of the last one past."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from auditsaas.access import current, log_reading
from auditsaas.errors import InvalidFields
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import totals
from auditsaas.exports.formats import FORMATS
from auditsaas.pages.schedules import presenter
from auditsaas.pages.schedules.forms import ScheduleForm
from auditsaas.pages.schedules.schedule_scope import ScheduleScope
from auditsaas.schedules import reports, service
from auditsaas.schedules.models import Schedule
from auditsaas.schedules.timetable import Run, Timetable

MOST_NAMED = 3


def preview(scope: ScheduleScope, form: ScheduleForm, schedule: Schedule | None) -> dict[str, Any]:
    """Preview the next three runs, and the mail as it would have been sent last, if possible."""
    shown: dict[str, Any] = {
        "runs": [],
        "covers": "",
        "problem": "",
        "mail": None,
        "form": form,
        "workspace": scope.access.name,
        "recipients": _named(scope, form),
        "format_name": FORMATS[form.format].name if form.format in FORMATS else "file",
    }
    try:
        timetable = form.timetable()
        found = _runs(timetable, schedule, scope.now)
        shown["runs"] = presenter.next_runs(found, timetable.zone, current.viewer())
        shown["covers"] = presenter.COVERS[timetable.frequency]
        event_filter = form.filter.understood()
        shown["mail"] = _last_mail(scope, timetable.last_run(scope.now), timetable, event_filter)
    except InvalidFields as error:
        shown["problem"] = " ".join(wrong.message for wrong in error.errors)
    return shown


def _last_mail(
    scope: ScheduleScope, run: Run, timetable: Timetable, event_filter: EventFilter
) -> Mapping[str, Any]:
    """Tell what the report of a run past would have told."""
    local = presenter.in_zone(current.viewer(), timetable.zone)
    end = timetable.window_end(run.due)
    start = timetable.window_before(end)
    asked = event_filter.with_period(run.window)
    log_reading.asked(asked)
    return {
        "due": presenter.moment(run.due, local),
        "days": reports.days(start, end, local),
        "count": totals.count(scope.session, [scope.access.id], asked),
        "filter_words": event_filter.describe() or "Everything",
    }


def _runs(timetable: Timetable, schedule: Schedule | None, now: datetime) -> list[Run]:
    """Compute the next three runs; those of an existing schedule continue what it has covered."""
    if schedule is None:
        due = timetable.due_after(now)
        return timetable.next_runs(3, due, timetable.window_before(timetable.window_end(due)))
    due = schedule.next_due_at
    if timetable != schedule.timetable or schedule.paused_at is not None:
        due = timetable.due_covering(now, schedule.covered_until)
    return timetable.next_runs(3, due, schedule.covered_until)


def _named(scope: ScheduleScope, form: ScheduleForm) -> str:
    """Name the recipients: the first three, and how many more."""
    ids = []
    for text in form.recipients:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    names = [person.name for person in service.readers(scope.session, scope.access.id, ids)]
    if not names:
        return "Nobody yet"
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
