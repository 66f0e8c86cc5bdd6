"""The form by which super-admins put people into workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from auditsaas.access import once, platform_guard
from auditsaas.access.loaders import load_platform
from auditsaas.accounts.models import SentForm
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, TooOften
from auditsaas.extensions import db, settings
from auditsaas.mail import account_mails
from auditsaas.permissions import Role
from auditsaas.superadmin import joining
from auditsaas.superadmin.joining import Joined
from auditsaas.workspaces import invitations
from auditsaas.workspaces.invitations import Sent
from auditsaas.workspaces.models import Workspace

platform_members = Blueprint("platform_members", __name__, url_prefix="/admin/members")


@dataclass(frozen=True, kw_only=True)
class JoinForm:
    """The fields as they were typed."""

    workspace: str = ""
    email: str = ""
    role: str = Role.ADMIN.value
    reason: str = ""

    @classmethod
    def given(cls) -> JoinForm:
        typed = {name: request.values.get(name) for name in cls.__dataclass_fields__}
        return cls(**{name: text.strip() for name, text in typed.items() if text is not None})


@platform_members.before_request
def _only_super_admins() -> None:
    load_platform()


@platform_members.get("/new")
def new() -> ResponseReturnValue:
    return _form(JoinForm.given())


@platform_members.post("/new")
def add() -> ResponseReturnValue:
    """Put a person into a workspace; of an invitation, show the link, once."""
    earlier, form, session = once.begun(), JoinForm.given(), db.session()
    if earlier is not None:
        return _again(session, earlier, form)
    try:
        workspace = joining.find_tenant(session, form.workspace)
        joined = _put(session, workspace, form)
    except (Invalid, Conflict, NotFound, TooOften, Forbidden) as error:
        session.rollback()
        # The page is there; it is a field of its form that names nothing.
        status = Invalid.status if isinstance(error, NotFound) else error.status
        return _form(form, **{_field(error, form): str(error)}), status
    return finish(session, joined)


def _again(session: Session, earlier: SentForm, form: JoinForm) -> ResponseReturnValue:
    """Render the link that the same form has made already; without it a moment later."""
    workspace, by = joining.find_tenant(session, form.workspace), platform_guard.platform_actor()
    tenancy.bind(Scope.of(workspace.id, user=by.user_id), session)
    sent = None
    if once.is_shown_again(earlier):
        sent = invitations.made_before(session, workspace.id, once.link_tokens())
    if sent is None:
        return redirect(earlier.address or "/admin/workspaces", 303)
    return _invited(workspace.name, sent)


def finish(session: Session, joined: Joined) -> ResponseReturnValue:
    """Mail the invitation, commit, and show its link; without one lead to the workspace."""
    address = f"/admin/workspaces?{urlencode({'q': joined.workspace.slug, 'done': 'joined'})}"
    once.made(address)
    if joined.sent is None:
        session.commit()
        return redirect(address, 303)
    invitation = joined.sent.invitation
    account_mails.invitation(
        session,
        settings().secret_keys,
        tenant=joined.workspace.id,
        to=invitation.email,
        token=joined.sent.token,
        workspace=joined.workspace.name,
        inviter=platform_guard.platform_actor().actor.name or "",
        role=invitation.role,
        expires_at=invitation.expires_at,
    )
    page = _invited(joined.workspace.name, joined.sent)
    session.commit()
    return page


def _invited(workspace: str, sent: Sent) -> str:
    return render_template(
        "superadmin/invited.html",
        workspace=workspace,
        invited=sent.invitation.email,
        role=sent.invitation.role,
        link=f"{settings().base_url}/invitations/{sent.token}",
        mails=bool(settings().smtp_url),
    )


def _put(session: Session, workspace: Workspace, form: JoinForm) -> Joined:
    try:
        role = Role(form.role)
    except ValueError:
        raise Invalid("A role is admin, auditor or member.") from None
    platform_guard.refuse_closed([workspace.id])
    by = platform_guard.platform_actor()
    token = next(iter(once.link_tokens()), None)
    return joining.put(session, by, workspace, form.email, role, reason=form.reason, token=token)


def _field(error: DomainError, form: JoinForm) -> str:
    """Name the field that a refusal is about."""
    if isinstance(error, NotFound | Forbidden):
        return "workspace"
    if isinstance(error, Invalid) and "reason" in str(error):
        return "reason"
    if isinstance(error, Invalid) and form.role not in set(Role):
        return "role"
    return "email"


def _form(form: JoinForm, **wrong: str) -> str:
    asks = {"workspace": form.workspace, "next": f"/admin/members/new?{_kept(form)}"}
    return render_template(
        "superadmin/new_member.html",
        form=form,
        wrong=wrong,
        ask_url=f"/admin/access?{urlencode(asks)}"
        if "approve" in wrong.get("workspace", "")
        else None,
    )


def _kept(form: JoinForm) -> str:
    return urlencode({"workspace": form.workspace, "email": form.email, "role": form.role})
