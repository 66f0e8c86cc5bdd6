"""The settings page of a workspace."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access.current import require_person
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.accounts.models import User
from auditsaas.errors import Conflict
from auditsaas.extensions import db
from auditsaas.pages.workspaces.settings_form import SettingsForm
from auditsaas.permissions import Permission
from auditsaas.workspaces import settings

settings_pages = Blueprint("workspace_settings", __name__, url_prefix="/w/<slug>/settings")


@settings_pages.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    form = SettingsForm.of_workspace(
        access.workspace, settings.redacted_keys(db.session(), access.id)
    )
    return _page(access, form, {})


@settings_pages.post("")
@acts_once
def save(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    form = SettingsForm.of_fields(request.form)
    errors = form.errors() | _second_factor_error(access, form)
    if errors:
        return _page(access, form, errors), 422
    if "confirmed" not in request.form and (question := _question(access, form)):
        return render_template(
            "workspaces/confirm.html",
            title="Shorten retention?",
            words=question,
            action=request.path,
            fields=form.fields(),
            button="Shorten retention",
            back=request.path,
        )
    try:
        changed = settings.change(db.session(), acting_member(access), form.values(), form.keys())
    except Conflict as error:
        db.session.rollback()
        return _page(access, form, {"slug": str(error)}), error.status
    leads_to = f"/w/{changed.slug}/settings?saved=1"
    db.session.commit()
    return redirect(leads_to, 303)


def _second_factor_error(access: WorkspaceAccess, form: SettingsForm) -> dict[str, str]:
    """Refuse to require a second factor by an admin who has none."""
    if not form.require_second_factor or access.workspace.require_second_factor:
        return {}
    person = require_person()
    if person.second_factor or db.session().get_one(User, person.id).totp_confirmed_at is not None:
        return {}
    return {"require_second_factor": "Set up your own second factor first, under Account."}


def _question(access: WorkspaceAccess, form: SettingsForm) -> str | None:
    """Word the question before a shorter retention removes events; None where it removes none."""
    before, days = access.workspace.retention_days, form.values()["retention_days"]
    if days is None or (before is not None and days >= before):
        return None
    going = settings.events_older_than(db.session(), access.id, days)
    if not going:
        return None
    noun = "event is" if going == 1 else "events are"
    end = " Legal hold keeps them until it is lifted." if form.legal_hold else ""
    return (
        f"{going:,} {noun} older than {days:,} days and will be removed at the next nightly run."
        f" It cannot be undone.{end}"
    )


def _page(access: WorkspaceAccess, form: SettingsForm, errors: dict[str, str]) -> str:
    return render_template(
        "workspaces/settings.html",
        workspace=access,
        form=form,
        errors=errors,
        zones=sorted(available_timezones()),
        saved=bool(request.args.get("saved")) and not errors,
    )
