"""The two settings pages of a workspace: in general, and what it keeps and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access.current import require_person
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.accounts import attempts
from auditsaas.accounts.models import User
from auditsaas.errors import Conflict, InvalidFields, TooOften
from auditsaas.events.filter.opening import OPENING
from auditsaas.extensions import db
from auditsaas.extensions import settings as installation
from auditsaas.own_activities import Activity
from auditsaas.pages.workspaces import change_list
from auditsaas.pages.workspaces.settings_form import SettingsForm
from auditsaas.pending_changes import service
from auditsaas.pending_changes import settings as changes
from auditsaas.pending_changes.rules import Rules
from auditsaas.permissions import Permission
from auditsaas.workspaces import members, settings

settings_pages = Blueprint("workspace_settings", __name__, url_prefix="/w/<slug>/settings")


@dataclass(frozen=True)
class Page:
    """One of the two forms."""

    template: str
    path: str
    clash: str
    """The field beside which a conflict is said."""


GENERAL = Page("workspaces/settings.html", "", "slug")
RETENTION = Page("workspaces/retention.html", "/retention", "retention_days")
OF_RETENTION = frozenset({"retention_days", "legal_hold", "export_days", "reason"})
"""The fields of that form; a script may send them to the other one as well."""


@settings_pages.get("")
def show(slug: str) -> ResponseReturnValue:
    return _show(slug, GENERAL)


@settings_pages.post("")
@acts_once
def save(slug: str) -> ResponseReturnValue:
    return _save(slug, GENERAL)


@settings_pages.get("/retention")
def show_retention(slug: str) -> ResponseReturnValue:
    return _show(slug, RETENTION)


@settings_pages.post("/retention")
@acts_once
def save_retention(slug: str) -> ResponseReturnValue:
    return _save(slug, RETENTION)


@settings_pages.post("/changes/<uuid:change_id>/cancel")
@acts_once
def cancel_change(slug: str, change_id: UUID) -> ResponseReturnValue:
    # To cancel takes nothing away, and may be urgent.
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=False)
    service.cancel(db.session(), acting_member(access), change_id)
    return _to_retention(access, "cancelled")


@settings_pages.post("/changes/<uuid:change_id>/approve")
@acts_once
def approve_change(slug: str, change_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    service.approve(db.session(), acting_member(access), change_id, Rules.of(installation()))
    return _to_retention(access, "approved")


def _to_retention(access: WorkspaceAccess, word: str) -> ResponseReturnValue:
    db.session.commit()
    return redirect(f"/w/{access.slug}/settings/retention?done={word}", 303)


def _show(slug: str, page: Page) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    return _rendered(access, page, _present(access), {})


def _save(slug: str, page: Page) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    form = _present(access).with_fields(request.form)
    errors = form.errors() | _second_factor_error(access, form) | _alone_error(access, form)
    if errors:
        return _rendered(access, page, form, errors), 422
    rules = Rules.of(installation())
    try:
        changes.refuse_under_floor(access.workspace, form.values(), rules)
        if "confirmed" not in request.form and (question := _question(access, form, rules)):
            return _asked_again(form, question)
        if form.slug != access.slug and (refusal := _tried_too_often(access)):
            return _rendered(access, page, form, {"slug": str(refusal)}), refusal.status
        saved = changes.save(
            db.session(),
            acting_member(access),
            form.values(),
            form.keys(),
            rules,
            reason=form.reason,
        )
    except InvalidFields as error:
        db.session.rollback()
        wrong = {one.field: one.message for one in error.errors}
        return _rendered(access, page, form, wrong), error.status
    except settings.SlugTaken as error:
        db.session.rollback()
        _record_taken(access, form.slug)
        return _rendered(access, page, form, {"slug": str(error)}), error.status
    except Conflict as error:
        db.session.rollback()
        return _rendered(access, page, form, {page.clash: str(error)}), error.status
    done = "saved=1" if not saved.asked else "done=asked"
    leads_to = f"/w/{saved.workspace.slug}/settings{page.path}?{done}"
    db.session.commit()
    return redirect(leads_to, 303)


def _tried_too_often(access: WorkspaceAccess) -> TooOften | None:
    """Count a try of another slug, which tells whether it is taken; refuse too many a day."""
    standing = attempts.count(db.session(), attempts.SLUGS, str(access.id))
    db.session.commit()
    if not standing.paused:
        return None
    hours = -(-standing.seconds // 3600)
    return TooOften(
        f"{attempts.SLUGS.most} other slugs were tried within a day."
        f" Try again in {hours} {'hour' if hours == 1 else 'hours'}.",
        standing.seconds,
    )


def _record_taken(access: WorkspaceAccess, slug: str) -> None:
    acting_member(access).record(
        db.session(),
        Activity.WORKSPACE_UPDATE,
        status="error",
        status_code=Conflict.status,
        metadata={"reason": "slug_taken", "slug": slug},
    )
    db.session.commit()


def _present(access: WorkspaceAccess) -> SettingsForm:
    return SettingsForm.of_workspace(
        access.workspace, settings.redacted_keys(db.session(), access.id)
    )


def _second_factor_error(access: WorkspaceAccess, form: SettingsForm) -> dict[str, str]:
    """Refuse to require a second factor by an admin who has none."""
    if not form.require_second_factor or access.workspace.require_second_factor:
        return {}
    person = require_person()
    if person.second_factor or db.session().get_one(User, person.id).totp_confirmed_at is not None:
        return {}
    return {"require_second_factor": "Set up your own second factor first, under Account."}


def _alone_error(access: WorkspaceAccess, form: SettingsForm) -> dict[str, str]:
    """Refuse to require two admins where there is one, who could then change nothing."""
    if not form.two_admins or access.workspace.two_admins:
        return {}
    if len(members.active_admins(db.session(), access.id)) > 1:
        return {}
    return {"two_admins": "Invite another admin first: you could not approve your own changes."}


def _question(access: WorkspaceAccess, form: SettingsForm, rules: Rules) -> str | None:
    """Word the question before a shorter retention removes events; None where it removes none."""
    before, days = access.workspace.retention_days, form.values()["retention_days"]
    if days is None or (before is not None and days >= before):
        return None
    going = changes.removes(db.session(), access.id, days, rules)
    if not going:
        return None
    noun = "event is" if going == 1 else "events are"
    end = " Legal hold keeps them until it is lifted." if form.legal_hold else ""
    delay = rules.delay.days
    wait = "a day" if delay == 1 else f"{delay:,} days"
    return (
        f"{going:,} {noun} older than {days:,} days by then and will be removed. It takes effect"
        f" in {wait}; every admin is told now and a day before, and can cancel it until then."
        f" After that it cannot be undone.{end}"
    )


def _asked_again(form: SettingsForm, question: str) -> str:
    return render_template(
        "workspaces/confirm.html",
        title="Shorten retention?",
        words=question,
        action=request.path,
        fields=form.fields(),
        button="Shorten retention",
        back=request.path,
    )


def _rendered(
    access: WorkspaceAccess, page: Page, form: SettingsForm, errors: dict[str, str]
) -> str:
    rules = Rules.of(installation())
    if errors:
        page = RETENTION if errors.keys() & OF_RETENTION else GENERAL
    shown: dict[str, Any] = {}
    if page is GENERAL:
        shown = {"zones": sorted(available_timezones()), "opening_periods": OPENING}
    return render_template(
        page.template,
        workspace=access,
        form=form,
        errors=errors,
        rules=rules,
        saved=bool(request.args.get("saved")) and not errors,
        done=None if errors else change_list.DONE.get(request.args.get("done", "")),
        pending=change_list.waiting(db.session(), access, require_person().id),
        earlier=change_list.earlier(db.session(), access.id),
        **shown,
    )
