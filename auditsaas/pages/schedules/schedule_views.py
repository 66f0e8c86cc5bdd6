"""Schedules: the list, one with its history, the form with its preview, and the reports' files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditsaas.access import current, loaders
from auditsaas.access.once import acts_once
from auditsaas.current_request import is_partial
from auditsaas.errors import InvalidFields, NotFound
from auditsaas.exports.kind import EXPORTS
from auditsaas.extensions import db
from auditsaas.jobs.turns import send_in_turn
from auditsaas.pages.schedules import form_page, presenter, schedule_scope
from auditsaas.pages.schedules.blueprint import schedules
from auditsaas.pages.schedules.forms import ScheduleForm
from auditsaas.pages.schedules.preview import preview as show_preview
from auditsaas.pages.schedules.schedule_scope import ScheduleScope
from auditsaas.permissions import Permission
from auditsaas.schedules import runs, service
from auditsaas.schedules.models import Schedule


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
    """Render a new form, with the filter of the log's address and the person as recipient."""
    scope = schedule_scope.load(slug)
    return form_page.page(scope, form_page.of_address(scope))


@schedules.post("/w/<slug>/schedules")
@acts_once
def create(slug: str) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)

    def make(form: ScheduleForm) -> Schedule:
        return service.create(
            scope.session, scope.access.id, form.plan(), requester=scope.requester, now=scope.now
        )

    return _save(scope, make)


@schedules.post("/w/<slug>/schedules/preview")
def preview(slug: str) -> ResponseReturnValue:
    """Render what the form means so far: the next runs, and the mail of the last one past.

    It is posted, as the form is, so that nothing of it stands in an address.
    """
    scope = schedule_scope.load(slug)
    form, schedule = form_page.of_sent(scope), _named_in(scope, request.form)
    if not is_partial():
        return form_page.page(scope, form, schedule=schedule)
    return render_template("schedules/_preview.html", **show_preview(scope, form, schedule))


@schedules.get("/w/<slug>/schedules/<uuid:schedule_id>/edit")
def edit(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)
    schedule = scope.find_own(schedule_id)
    return form_page.page(scope, ScheduleForm.of_schedule(schedule), schedule=schedule)


@schedules.post("/w/<slug>/schedules/<uuid:schedule_id>")
@acts_once
def update(slug: str, schedule_id: UUID) -> ResponseReturnValue:
    scope = schedule_scope.load(slug)
    schedule = scope.find_own(schedule_id)

    def make(form: ScheduleForm) -> Schedule:
        plan = form.plan()
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
    form = form_page.of_sent(scope)
    try:
        saved = make(form)
    except InvalidFields as error:
        db.session.rollback()
        wrong = {problem.field: problem.message for problem in error.errors}
        return form_page.page(scope, form, schedule=schedule, errors=wrong), 422
    url = f"{scope.base_url}/{saved.id}"
    db.session.commit()
    if is_partial():
        return "", 200, {"HX-Redirect": url}
    return redirect(url, 303)


def _named_in(scope: ScheduleScope, args: MultiDict[str, str]) -> Schedule | None:
    try:
        return scope.find_own(UUID(args.get("schedule", "")))
    except ValueError:
        return None
