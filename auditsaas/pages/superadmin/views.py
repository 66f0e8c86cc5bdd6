"""The pages across workspaces, for super-admins."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import exists, select

from auditsaas import current_request
from auditsaas.access import page_scope, platform_guard
from auditsaas.access.loaders import load_platform
from auditsaas.access.looking import Looking
from auditsaas.access.once import acts_once
from auditsaas.accounts.forms import own_path
from auditsaas.db.platform import JOBS, NOTHING, platform_session
from auditsaas.errors import Conflict, Invalid
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.extensions import db, settings
from auditsaas.first_run.wanted import ANOTHER, MYSELF
from auditsaas.operations import system
from auditsaas.pages.superadmin import system_day
from auditsaas.pages.superadmin.member_views import finish
from auditsaas.permissions import Role
from auditsaas.superadmin import figures, joining, service
from auditsaas.superadmin.people import people
from auditsaas.workspaces.models import Workspace

superadmin = Blueprint("superadmin", __name__, url_prefix="/admin")

LOG = "/admin/audit-logs"
DONE = {
    "created": "The workspace is created.",
    "joined": "The person belongs to the workspace now.",
    "suspended": "The workspace is suspended. Its members and keys are refused from now on.",
    "resumed": "The workspace is resumed.",
    "disabled": "The person is disabled, and out at their next request.",
    "enabled": "The person is enabled.",
}


NOT_ASKED_AGAIN = {"superadmin.give_reason"}
"""What changes nothing of anybody's."""


@superadmin.before_request
def _only_super_admins() -> None:
    load_platform(recent=request.endpoint not in NOT_ASKED_AGAIN)


@superadmin.get("")
def home() -> ResponseReturnValue:
    """Lead to the workspaces; where there is none yet, to the first one."""
    tenants = select(Workspace.id).where(Workspace.id != SYSTEM_WORKSPACE_ID)
    is_first = not db.session().scalar(select(exists(tenants)))
    return redirect("/admin/workspaces/new" if is_first else "/admin/workspaces")


@superadmin.get("/workspaces")
def workspaces() -> ResponseReturnValue:
    words, order, page = _words(), request.args.get("sort", "events"), _page()
    look = _look_over_all()
    shown = figures.overview(look.session, datetime.now(UTC), words=words, order=order, page=page)
    look.show_of(shown.counted)
    kept = {"q": words, "sort": order}
    return render_template(
        "superadmin/workspaces.html",
        overview=shown,
        words=words,
        order=order,
        orders=figures.ORDERS,
        older_url=_page_url("workspaces", kept, page + 1) if shown.more else None,
        days=figures.DAYS,
        over=figures.LATENCY_OVER,
        closed=look.look.closed,
        done=DONE.get(request.args.get("done", "")),
    )


@superadmin.get("/workspaces/new")
def new_workspace() -> ResponseReturnValue:
    return _new_workspace_page(MYSELF)


@superadmin.post("/workspaces/new")
@acts_once
def create_workspace() -> ResponseReturnValue:
    """Make a workspace, and its admin where the form names one, or neither."""
    name, slug = request.form.get("name", ""), request.form.get("slug", "").strip()
    admin, session = request.form.get("admin", ""), db.session()
    by, field = platform_guard.platform_actor(), "name"
    try:
        workspace = service.create(session, by, name, slug)
        if admin not in (MYSELF, ANOTHER):
            session.commit()
            return redirect("/admin/workspaces?sort=name&done=created", 303)
        field = "admin_email"
        email = by.actor.email if admin == MYSELF else request.form.get("admin_email", "")
        joined = joining.put(session, by, workspace, email or "", Role.ADMIN)
    except (Invalid, Conflict) as error:
        session.rollback()
        return _new_workspace_page(admin, **{field: str(error)}), error.status
    if admin == MYSELF:
        session.commit()
        return redirect(f"/w/{workspace.slug}/audit-logs", 303)
    return finish(session, joined)


def _new_workspace_page(admin: str, **wrong: str) -> str:
    typed = {name: request.form.get(name, "") for name in ("name", "slug", "admin_email")}
    return render_template("superadmin/new_workspace.html", admin=admin, wrong=wrong, **typed)


@superadmin.post("/workspaces/<slug>/suspend")
@acts_once
def suspend_workspace(slug: str) -> ResponseReturnValue:
    if "confirmed" not in request.form:
        return render_template(
            "workspaces/confirm.html",
            title=f"Suspend {slug}?",
            words="Its members and keys are refused at once. Nothing is removed,"
            " and it can be resumed at any time.",
            action=request.path,
            fields={},
            button="Suspend",
            back="/admin/workspaces",
        )
    service.suspend(db.session(), platform_guard.platform_actor(), slug)
    db.session.commit()
    return redirect("/admin/workspaces?done=suspended", 303)


@superadmin.post("/workspaces/<slug>/resume")
@acts_once
def resume_workspace(slug: str) -> ResponseReturnValue:
    service.resume(db.session(), platform_guard.platform_actor(), slug)
    db.session.commit()
    return redirect("/admin/workspaces?done=resumed", 303)


@superadmin.get("/users")
def users() -> ResponseReturnValue:
    words, page = _words(), _page()
    look = _look_over_all()
    found = people(look.session, words=words, page=page)
    look.show(mine.workspace_id for shown in found.rows for mine in shown.memberships)
    return render_template(
        "superadmin/users.html",
        people=found,
        words=words,
        older_url=_page_url("users", {"q": words}, page + 1) if found.more else None,
        done=DONE.get(request.args.get("done", "")),
    )


@superadmin.post("/users/<uuid:user_id>/disable")
@acts_once
def disable_user(user_id: UUID) -> ResponseReturnValue:
    service.disable_user(db.session(), platform_guard.platform_actor(), user_id)
    db.session.commit()
    return redirect("/admin/users?done=disabled", 303)


@superadmin.post("/users/<uuid:user_id>/enable")
@acts_once
def enable_user(user_id: UUID) -> ResponseReturnValue:
    service.enable_user(db.session(), platform_guard.platform_actor(), user_id)
    db.session.commit()
    return redirect("/admin/users?done=enabled", 303)


@superadmin.get("/system")
def system_state() -> ResponseReturnValue:
    """Show how the installation is; the page then asks for its fragment, which is no other look."""
    partial, now = current_request.is_partial(), datetime.now(UTC)
    if not partial:
        platform_guard.note_page()
    with platform_session(JOBS) as session:
        day = system_day.read(session, settings().redis_url, now)
        parts = system.state(session, settings(), now)
    template = "superadmin/_system.html" if partial else "superadmin/system.html"
    return render_template(template, parts=parts, day=day)


@superadmin.get("/access")
def ask_reason() -> ResponseReturnValue:
    after = own_path(request.args.get("next", "")) or LOG
    return platform_guard.form(request.args.getlist("workspace"), next_url=after)


@superadmin.post("/access")
@acts_once
def give_reason() -> ResponseReturnValue:
    """Note why these workspaces are looked into, or all where none is named; then go on."""
    slugs, reason = request.form.getlist("workspace"), request.form.get("reason", "")
    after = own_path(request.form.get("next", "")) or LOG
    with platform_session(NOTHING) as session:
        chosen = list(session.scalars(select(Workspace.id).where(Workspace.slug.in_(slugs))))
    try:
        if slugs and len(chosen) < len(set(slugs)):
            raise Invalid("There is no such workspace.")
        platform_guard.say_why(reason, chosen)
    except Invalid as error:
        db.session.rollback()
        return platform_guard.form(slugs, next_url=after, reason=reason, error=str(error)), 422
    db.session.commit()
    return redirect(after, 303)


def _look_over_all() -> Looking:
    workspaces, session = page_scope.load_names()
    return platform_guard.look_over(workspaces, session)


def _words() -> str:
    return request.args.get("q", "").strip()[:100].replace("\x00", "")


def _page() -> int:
    given = request.args.get("page", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 4 else 0


def _page_url(name: str, fields: dict[str, str], page: int) -> str:
    kept = {key: value for key, value in fields.items() if value}
    return f"/admin/{name}?{urlencode({**kept, 'page': page})}"
