"""The account page: a person's name, and how pages read to them; and what was recorded of them."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import available_timezones

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from auditsaas import current_request
from auditsaas.access import current, loaders, log_reading
from auditsaas.access.browser import Identity
from auditsaas.accounts.forms import HOME, own_path
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Invalid, NotFound
from auditsaas.events.event_sources import PRODUCT, UNRECORDED
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.opening import OPENING
from auditsaas.extensions import db
from auditsaas.own_activities import Activity
from auditsaas.pages.account.preferences import (
    COLUMNS,
    DENSITIES,
    WORKSPACE_INSIDE,
    PreferencesForm,
)
from auditsaas.pages.audit_log import page_loader
from auditsaas.pages.audit_log.event import page as event_page
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.workspaces import account_events

account = Blueprint("account", __name__)

ACTIVITY = "/me/activity"
OWN_SOURCES = (PRODUCT, UNRECORDED)


@account.get("/account")
def show() -> ResponseReturnValue:
    user = _me(db.session())
    form = PreferencesForm.of_user(user)
    return _page(form, errors={}, saved=bool(request.args.get("saved")))


@account.post("/account")
def save() -> ResponseReturnValue:
    user = _me(db.session())
    form = PreferencesForm.of_fields(request.form)
    errors = form.errors()
    if errors:
        return _page(form, errors=errors, saved=False), 422
    changes = form.apply(user)
    if changes:
        account_events.record(
            db.session(),
            Activity.USER_UPDATE,
            user,
            current_request.facts(),
            status_code=303,
            changes=changes,
        )
    db.session.commit()
    return redirect("/account?saved=1", 303)


@account.post("/account/table")
def choose_columns() -> ResponseReturnValue:
    """Save the columns that the log shows, and how close its rows stand."""
    user = _me(db.session())
    shown, density = request.form.getlist("columns"), request.form.get("density", "")
    if not set(shown) <= {*COLUMNS, WORKSPACE_INSIDE} or density not in DENSITIES:
        raise Invalid("Choose columns of the table, and comfortable or compact rows.")
    user.hidden_columns = [name for name in COLUMNS if name not in shown]
    user.workspace_inside = WORKSPACE_INSIDE in shown
    user.density = density
    db.session.commit()
    if current_request.is_partial():
        return Response(status=204, headers={"HX-Trigger": "table-changed"})
    return redirect(own_path(request.form.get("next", "")) or HOME, 303)


@account.get(ACTIVITY)
def activity() -> ResponseReturnValue:
    scope, mine = _my_activity()
    view = replace(page_loader.read(scope, _only_paging(request.args)), always=mine)
    if view.problems:
        return render_template("accounts/activity.html", view=view), 422
    log_reading.asked(mine)
    view = page_loader.with_page(view)
    template = "_activity_reply" if current_request.is_partial() else "activity"
    return render_template(f"accounts/{template}.html", view=view)


@account.get(f"{ACTIVITY}/<slug>/<event_id>")
def my_event(slug: str, event_id: str) -> ResponseReturnValue:
    scope, mine = _my_activity()
    row = event_page.load(scope, slug, event_id)
    is_mine = row.actor_id in mine.user or (row.actor_email or "").lower() in mine.user
    if not is_mine or row.source not in (PRODUCT, None):
        raise NotFound("There is no such event.")
    context = event_page.context(scope, row, EventFilter(), request.url_root)
    context |= {"related_url": None, "older_url": None, "newer_url": None, "filter_base": None}
    template = "_drawer" if current_request.is_partial() else "event"
    return render_template(f"audit_logs/{template}.html", **context)


def _my_activity() -> tuple[LogScope, EventFilter]:
    """Bind all of the person's workspaces; return them with the filter for own events.

    A sender of events could send some in this person's name, so only the product's own
    count, and those from before sources were recorded, which the page marks.
    """
    person = current.require_person()
    workspaces = [access.workspace for access in loaders.my_workspaces()]
    tenancy.bind(Scope.of(*(workspace.id for workspace in workspaces), user=person.id))
    scope = LogScope(
        base_url=ACTIVITY,
        session=db.session(),
        workspaces=workspaces,
        several=True,
        event_pattern=f"{ACTIVITY}/{{slug}}/{{id}}",
    )
    return scope, EventFilter(user=(str(person.id), person.email), source=OWN_SOURCES)


def _only_paging(args: MultiDict[str, str]) -> MultiDict[str, str]:
    paging = ("limit", "before", "after", "at")
    return MultiDict((name, args[name]) for name in paging if name in args)


def _me(session: Session) -> User:
    person: Identity = current.require_person()
    return session.get_one(User, person.id)


def _page(form: PreferencesForm, *, errors: dict[str, str], saved: bool) -> str:
    return render_template(
        "accounts/account.html",
        form=form,
        errors=errors,
        saved=saved,
        zones=sorted(available_timezones()),
        zone_is_guess=not form.time_zone,
        opening_periods=[*OPENING.items()],
    )
