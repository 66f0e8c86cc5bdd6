"""Schedules: the list, one with its history, the form with its preview, and the reports' files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import available_timezones

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditsaas.access import current, loaders, log_reading
from auditsaas.access.once import acts_once
from auditsaas.current_request import is_partial
from auditsaas.errors import InvalidFields, NotFound
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.reading import totals
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.formats import FORMATS
from auditsaas.exports.kind import EXPORTS
from auditsaas.extensions import db
from auditsaas.jobs.turns import send_in_turn
from auditsaas.pages.schedules import presenter, schedule_scope
from auditsaas.pages.schedules.blueprint import schedules
from auditsaas.pages.schedules.forms import PERIOD_FIELDS, WEEKDAYS, ScheduleForm
from auditsaas.pages.schedules.schedule_scope import ScheduleScope
from auditsaas.permissions import Permission
from auditsaas.saved_views import service as saved_views
from auditsaas.schedules import runs, service
from auditsaas.schedules.models import Schedule
from auditsaas.schedules.timetable import Frequency, Run, Timetable

WEEK = timedelta(days=7)


@schedules.get("/schedules")
def everywhere() -> ResponseReturnValue:
    held = loaders.load_all(Permission.EXPORT_CREATE)
    person, now = current.require_person(), datetime.now(UTC)
    admined = [access.id for access in held if access.allows(Permission.EXPORT_READ_ALL)]
    visible = service.visible_to(person.id, admined)
    names = {access.id: access for access in held}
    found = service.of_workspaces(db.session(), list(names), visible)
    shown = [
        presenter.present(
            schedule,
            names[schedule.workspace_id].slug,
            names[schedule.workspace_id].name,
            current.viewer(),
            now,
        )
        for schedule in found
    ]
    return render_template(
        "schedules/list.html", schedules=shown, several=True, new="/schedules/new"
    )


@schedules.get("/schedules/new")
def choose_workspace() -> ResponseReturnValue:
    """Choose the workspace of a new schedule; with only one, go on to its form."""
    held = loaders.load_all(Permission.EXPORT_CREATE)
    query = request.query_string.decode("ascii", "ignore")
    links = [
        (access.name, f"/w/{access.slug}/schedules/new" + (f"?{query}" if query else ""))
        for access in held
    ]
    if len(links) == 1:
        return redirect(links[0][1])
    return render_template("schedules/choose.html", workspaces=links)


@schedules.get("/schedules/<uuid:schedule_id>")
def anywhere(schedule_id: UUID) -> ResponseReturnValue:
    held = loaders.load_all(Permission.EXPORT_CREATE)
    admined = [access.id for access in held if access.allows(Permission.EXPORT_READ_ALL)]
    visible = service.visible_to(current.require_person().id, admined)
    for access in held:
        found = service.of_workspaces(db.session(), [access.id], visible)
        if schedule_id in {schedule.id for schedule in found}:
            return redirect(f"/w/{access.slug}/schedules/{schedule_id}")
    raise NotFound("There is no such schedule, or it is not yours to see.")


@schedules.get("/w/<slug>/schedules")
def index(slug: str) -> ResponseReturnValue:
    scope, viewer = schedule_scope.load(slug), current.viewer()
    found = service.of_workspaces(scope.session, [scope.access.id], scope.visible)
    shown = [
        presenter.present(schedule, slug, scope.access.name, viewer, scope.now)
        for schedule in found
    ]
    new = f"{scope.base_url}/new"
    return render_template("schedules/list.html", schedules=shown, several=False, new=new)


@schedules.get("/w/<slug>/schedules/new")
def new(slug: str) -> ResponseReturnValue:
    """Render an empty form, with the filter of the page before and the person as recipient."""
    scope = schedule_scope.load(slug)
    return _form_page(scope, ScheduleForm.of_fields(request.args, _defaults(scope)))


@schedules.post("/w/<slug>/schedules")
@acts_once
def create(slug: str) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)

    def make(form: ScheduleForm) -> Schedule:
        plan = form.plan(_queries(scope), scope.slugs)
        return service.create(
            scope.session, scope.access.id, plan, requester=scope.requester, now=scope.now
        )

    return _save(scope, make)


@schedules.post("/w/<slug>/schedules/preview")
def preview(slug: str) -> ResponseReturnValue:
    """Render what the form means so far: the next runs and how many events matched lately.

    It is posted, as the form is, so that nothing of it stands in an address.
    """
    scope = schedule_scope.load(slug)
    form = ScheduleForm.of_fields(request.form, ScheduleForm(time_zone=""))
    schedule = _named_in(scope, request.form)
    if not is_partial():
        return _form_page(scope, form, schedule=schedule)
    return render_template("schedules/_preview.html", **_preview(scope, form, schedule))


@schedules.get("/w/<slug>/schedules/<uuid:schedule_id>/edit")
def edit(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)
    schedule = scope.find_own(schedule_id)
    return _form_page(scope, ScheduleForm.of_schedule(schedule), schedule=schedule)


@schedules.post("/w/<slug>/schedules/<uuid:schedule_id>")
@acts_once
def update(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)
    schedule = scope.find_own(schedule_id)

    def make(form: ScheduleForm) -> Schedule:
        plan = form.plan(_queries(scope), scope.slugs)
        service.change(scope.session, schedule, plan, requester=scope.requester, now=scope.now)
        return schedule

    return _save(scope, make, schedule=schedule)


@schedules.post("/w/<slug>/schedules/<uuid:schedule_id>/pause")
@acts_once
def pause(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    return _act(slug, schedule_id, service.pause)


@schedules.post("/w/<slug>/schedules/<uuid:schedule_id>/resume")
@acts_once
def resume(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    return _act(slug, schedule_id, service.resume)


@schedules.post("/w/<slug>/schedules/<uuid:schedule_id>/delete")
@acts_once
def delete(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    _act(slug, schedule_id, service.delete)
    return redirect(f"/w/{slug}/schedules", 303)


@schedules.post("/w/<slug>/schedules/<uuid:schedule_id>/run")
@acts_once
def run_now(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)
    schedule = scope.find_own(schedule_id)
    export = runs.run_now(scope.session, schedule, requester=scope.requester, now=scope.now)
    db.session.commit()
    send_in_turn(EXPORTS, export)
    return redirect(f"{scope.base_url}/{schedule_id}", 303)


def _act(slug: str, schedule_id: UUID, verb: Callable[..., None]) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)
    schedule = scope.find_own(schedule_id)
    verb(scope.session, schedule, requester=scope.requester, now=scope.now)
    db.session.commit()
    return redirect(f"{scope.base_url}/{schedule_id}", 303)


def _save(
    scope: ScheduleScope, make: Callable[[ScheduleForm], Schedule], schedule: Schedule | None = None
) -> ResponseReturnValue:
    form = ScheduleForm.of_fields(request.form, ScheduleForm(time_zone=""))
    try:
        saved = make(form)
    except InvalidFields as error:
        db.session.rollback()
        wrong = {problem.field: problem.message for problem in error.errors}
        return _form_page(scope, form, schedule=schedule, errors=wrong), 422
    url = f"{scope.base_url}/{saved.id}"
    db.session.commit()
    if is_partial():
        return "", 200, {"HX-Redirect": url}
    return redirect(url, 303)


def _form_page(
    scope: ScheduleScope,
    form: ScheduleForm,
    *,
    schedule: Schedule | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "schedules/form.html",
        errors=errors or {},
        schedule=schedule,
        action=f"{scope.base_url}/{schedule.id}" if schedule else scope.base_url,
        list_url=scope.base_url,
        preview_url=f"{scope.base_url}/preview",
        views=saved_views.visible(scope.session, scope.access.id, scope.person.id),
        formats=list(FORMATS.values()),
        columns=COLUMNS,
        frequencies=list(Frequency),
        weekdays=WEEKDAYS,
        zones=sorted(available_timezones()),
        readers=service.readers(scope.session, scope.access.id),
        **_preview(scope, form, schedule),
    )


def _preview(scope: ScheduleScope, form: ScheduleForm, schedule: Schedule | None) -> dict[str, Any]:
    """Preview the next three runs, the filter in words and what matched lately, if possible."""
    shown: dict[str, Any] = {"runs": [], "covers": "", "filter_words": "", "matched": None}
    shown |= {"problem": "", "workspace": scope.access.name, "form": form}
    try:
        timetable = form.timetable()
        found = _runs(timetable, schedule, scope.now)
        shown["runs"] = presenter.next_runs(found, timetable.zone, current.viewer())
        shown["covers"] = presenter.COVERS[timetable.frequency]
        event_filter = form.filter(_queries(scope), scope.slugs)
        shown["filter_words"] = event_filter.describe() or "Everything"
        lately = event_filter.with_period(TimeRange(scope.now - WEEK, scope.now))
        log_reading.asked(lately)
        shown["matched"] = totals.count(scope.session, [scope.access.id], lately)
    except InvalidFields as error:
        shown["problem"] = " ".join(wrong.message for wrong in error.errors)
    return shown


def _runs(timetable: Timetable, schedule: Schedule | None, now: datetime) -> list[Run]:
    """Compute the next three runs; those of an existing schedule continue what it has covered."""
    if schedule is None:
        due = timetable.due_after(now)
        return timetable.next_runs(3, due, timetable.window_before(timetable.window_end(due)))
    due = schedule.next_due_at
    if timetable != schedule.timetable or schedule.paused_at is not None:
        due = timetable.due_covering(now, schedule.covered_until)
    return timetable.next_runs(3, due, schedule.covered_until)


def _named_in(scope: ScheduleScope, args: MultiDict[str, str]) -> Schedule | None:
    try:
        return scope.find_own(UUID(args.get("schedule", "")))
    except ValueError:
        return None


def _queries(scope: ScheduleScope) -> dict[str, str]:
    """List the saved views that may be chosen, by their id."""
    found = saved_views.visible(scope.session, scope.access.id, scope.person.id)
    return {str(view.id): view.query for view in found}


def _defaults(scope: ScheduleScope) -> ScheduleForm:
    """Read the defaults of a new form from the address, such as the filter of a log."""
    known = {*ScheduleForm.__dataclass_fields__, *PERIOD_FIELDS, "workspace", "schedule"}
    query = urlencode([pair for pair in request.args.items(multi=True) if pair[0] not in known])
    zone = scope.person.time_zone or scope.access.workspace.time_zone
    return ScheduleForm(query=query, time_zone=zone, recipients=(str(scope.person.id),))
