"""The page of a schedule's form, and what its fields were sent as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode
from zoneinfo import available_timezones

from flask import render_template, request
from sqlalchemy import select

from auditsaas.accounts.models import User
from auditsaas.events.filter.event_filter import PARAMETERS
from auditsaas.exports.formats import FORMATS
from auditsaas.pages.audit_log import log_scope
from auditsaas.pages.filter_field import field, typed
from auditsaas.pages.schedules.forms import WEEKDAYS, ScheduleForm
from auditsaas.pages.schedules.preview import preview
from auditsaas.pages.schedules.schedule_scope import ScheduleScope
from auditsaas.saved_views import service as saved_views
from auditsaas.schedules import service
from auditsaas.schedules.models import Schedule
from auditsaas.schedules.timetable import Frequency

FIELDS: Final = (
    *("name", "format", "columns", "column_order", "proof", "frequency", "weekday"),
    *("month_day", "at", "time_zone", "recipients"),
)
"""The form's fields besides the filter's."""


def of_address(scope: ScheduleScope) -> ScheduleForm:
    """Read a new form as its address fills it in: the log's parameters, and fields by name."""
    args = request.args.copy()
    if "before" in args or "after" in args:
        # In the log's address it is a place, here a time of day.
        args.poplist("at")
    taken = typed.of_address(args, _queries(scope), scope.slugs, beside=FIELDS)
    zone = scope.person.time_zone or scope.access.workspace.time_zone
    defaults = ScheduleForm(filter=taken, time_zone=zone, recipients=(str(scope.person.id),))
    return ScheduleForm.of_fields(args, defaults)


def of_sent(scope: ScheduleScope) -> ScheduleForm:
    """Read the form as it was sent."""
    sent = typed.of_form(request.form, _queries(scope), scope.slugs)
    return ScheduleForm.of_fields(request.form, ScheduleForm(filter=sent, time_zone=""))


def page(
    scope: ScheduleScope,
    form: ScheduleForm,
    *,
    schedule: Schedule | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    """Render the page; a form that was sent keeps what was typed to find values."""
    log = log_scope.load(scope.access.slug)
    sent = request.method == "POST"
    readers = service.readers(scope.session, scope.access.id)
    shown = field.show(log, form.filter, finds=request.form if sent else None, counted=sent)
    return render_template(
        "schedules/form.html",
        errors=errors or {},
        schedule=schedule,
        field=shown,
        of_view=schedule is None and bool(form.filter.args) and not sent,
        log_url=_log_url(scope),
        action=f"{scope.base_url}/{schedule.id}" if schedule else scope.base_url,
        list_url=scope.base_url,
        preview_url=f"{scope.base_url}/preview",
        formats=list(FORMATS.values()),
        frequencies=list(Frequency),
        weekdays=WEEKDAYS,
        zones=sorted(available_timezones()),
        readers=readers,
        gone=_gone(scope, schedule, readers),
        **preview(scope, form, schedule),
    )


def _gone(scope: ScheduleScope, schedule: Schedule | None, readers: Sequence[User]) -> list[str]:
    """Name the recipients of a schedule who may not have its reports any more."""
    kept = {person.id for person in readers}
    gone = [key for key in schedule.recipients if key not in kept] if schedule else []
    found = select(User.name).where(User.id.in_(gone)).order_by(User.name)
    return list(scope.session.scalars(found)) if gone else []


def _queries(scope: ScheduleScope) -> dict[str, str]:
    """List the saved views that may be chosen, by their id."""
    found = saved_views.visible(scope.session, scope.access.id, scope.person.id)
    return {str(view.id): view.query for view in found}


def _log_url(scope: ScheduleScope) -> str:
    """Build the address of the log as the form's address has its filter."""
    pairs = [pair for pair in request.args.items(multi=True) if pair[0] in PARAMETERS]
    return f"/w/{scope.access.slug}/audit-logs" + (f"?{urlencode(pairs)}" if pairs else "")
