"""The Members page, and everything an admin does there."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from auditsaas import current_request
from auditsaas.access import once
from auditsaas.access.current import require_person
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.accounts.models import SentForm
from auditsaas.errors import Conflict, Invalid
from auditsaas.extensions import db, settings
from auditsaas.mail import account_mails
from auditsaas.pages.workspaces import change_list
from auditsaas.pages.workspaces.member_list import MemberFilter, list_members
from auditsaas.pending_changes import people
from auditsaas.pending_changes.rules import Rules
from auditsaas.permissions import Permission, Role
from auditsaas.workspaces import invitations, members
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.invitations import Sent

member_pages = Blueprint("members", __name__, url_prefix="/w/<slug>/members")

Change = Callable[[Session, ActingMember, UUID], None]

DONE = {
    "invited": "The invitation is on its way.",
    "resent": "A new invitation is on its way. The link before it no longer works.",
    "revoked": "The invitation is revoked.",
    "role": "The role is changed.",
    "disabled": "The member is disabled, and out at their next request.",
    "enabled": "The member is enabled.",
    "waits": "This is the last other admin: it waits, and every admin was told.",
    "removed": "The member is removed. What they did stays in the log.",
}


@member_pages.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    return _list(access, DONE.get(request.args.get("done", "")))


def _list(access: WorkspaceAccess, done: str | None, sent: Sent | None = None) -> str:
    """Render the list; above it, once, the link of an invitation that was just made."""
    wanted = MemberFilter.of(request.args)
    listed = list_members(db.session(), access.id, wanted, require_person().id)
    template = "members/_members.html" if current_request.is_partial() else "members/list.html"
    return render_template(
        template,
        workspace=access,
        wanted=wanted,
        listed=listed,
        roles=list(Role),
        older_url=_page_url(access, wanted) if listed.more else None,
        done=done,
        pending=change_list.waiting(db.session(), access, require_person().id),
        rules=_rules(),
        invited=sent and sent.invitation.email,
        link=sent and f"{settings().base_url}/invitations/{sent.token}",
        mails=bool(settings().smtp_url),
    )


@member_pages.get("/invite")
def invite_form(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    return _invite_page(access, email="", role=Role.MEMBER.value)


@member_pages.post("/invite")
def invite(slug: str) -> ResponseReturnValue:
    """Invite a person and render the link, once: a page and not a redirect, for that reason."""
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    earlier = once.begun()
    if earlier is not None:
        return _again(access, earlier)
    email, role = request.form.get("email", ""), request.form.get("role", "")
    try:
        actor, token = acting_member(access), next(iter(once.link_tokens()), None)
        sent = invitations.invite(db.session(), actor, email, _role(role), token)
    except (Invalid, Conflict) as error:
        db.session.rollback()
        return _invite_page(access, email=email, role=role, error=str(error)), error.status
    return _send(access, sent, "invited")


@member_pages.post("/invitations/<uuid:invitation_id>/resend")
def resend(slug: str, invitation_id: UUID) -> ResponseReturnValue:
    """Make another link and render it, once."""
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    earlier = once.begun()
    if earlier is not None:
        return _again(access, earlier)
    actor, token = acting_member(access), next(iter(once.link_tokens()), None)
    sent = invitations.resend(db.session(), actor, invitation_id, token)
    return _send(access, sent, "resent")


@member_pages.post("/invitations/<uuid:invitation_id>/revoke")
@acts_once
def revoke(slug: str, invitation_id: UUID) -> ResponseReturnValue:
    return _change(slug, invitations.revoke, invitation_id, "revoked")


@member_pages.post("/<uuid:user_id>/role")
@acts_once
def change_role(slug: str, user_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    actor = acting_member(access)
    members.member_of(db.session(), access.id, user_id)
    role = _role(request.form.get("role", ""))
    if user_id == actor.user_id and role is not access.role and "confirmed" not in request.form:
        return _confirm(
            access,
            title=f"Become {role.value} yourself?",
            words="You will no longer be an admin here. Only another admin can undo it.",
            action=request.path,
            fields={"role": role.value},
            button=f"Become {role.value}",
        )
    waits = people.change_role(db.session(), actor, user_id, role, _rules())
    return _done(access, "waits" if waits else "role", left=user_id == actor.user_id)


@member_pages.post("/<uuid:user_id>/disable")
@acts_once
def disable(slug: str, user_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    waits = people.disable(db.session(), acting_member(access), user_id, _rules())
    return _done(access, "waits" if waits else "disabled")


@member_pages.post("/<uuid:user_id>/enable")
@acts_once
def enable(slug: str, user_id: UUID) -> ResponseReturnValue:
    return _change(slug, members.enable, user_id, "enabled")


@member_pages.post("/<uuid:user_id>/remove")
@acts_once
def remove(slug: str, user_id: UUID) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    actor = acting_member(access)
    if "confirmed" not in request.form:
        member = members.member_of(db.session(), access.id, user_id)
        myself = user_id == actor.user_id
        return _confirm(
            access,
            title=f"Leave {access.name}?" if myself else f"Remove {member.name}?",
            words="Access ends at once. What was done stays in the log."
            " Coming back takes a new invitation.",
            action=request.path,
            fields={},
            button="Leave" if myself else "Remove",
        )
    waits = people.remove(db.session(), actor, user_id, _rules())
    return _done(access, "waits" if waits else "removed", left=user_id == actor.user_id)


def _rules() -> Rules:
    return Rules.of(settings())


def _change(slug: str, change: Change, named: UUID, word: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.MEMBER_MANAGE)
    change(db.session(), acting_member(access), named)
    return _done(access, word)


def _role(name: str) -> Role:
    try:
        return Role(name)
    except ValueError:
        raise Invalid("A role is admin, auditor or member.") from None


def _again(access: WorkspaceAccess, earlier: SentForm) -> ResponseReturnValue:
    """Render the link that the same form has made already; without it a moment later."""
    sent = None
    if once.is_shown_again(earlier):
        sent = invitations.made_before(db.session(), access.id, once.link_tokens())
    if sent is None:
        return redirect(earlier.address or f"/w/{access.slug}/members", 303)
    return _list(access, None, sent)


def _send(access: WorkspaceAccess, sent: Sent, word: str) -> ResponseReturnValue:
    account_mails.invitation(
        db.session(),
        settings().secret_keys,
        tenant=access.id,
        to=sent.invitation.email,
        token=sent.token,
        workspace=access.name,
        inviter=acting_member(access).actor.name or "",
        role=sent.invitation.role,
        expires_at=sent.invitation.expires_at,
    )
    once.made(f"/w/{access.slug}/members?done={word}")
    db.session.commit()
    return _list(access, None, sent)


def _done(access: WorkspaceAccess, word: str, *, left: bool = False) -> ResponseReturnValue:
    """Commit and redirect to the list, or to the start page after leaving."""
    db.session.commit()
    return redirect("/" if left else f"/w/{access.slug}/members?done={word}", 303)


def _page_url(access: WorkspaceAccess, wanted: MemberFilter) -> str:
    fields = {"q": wanted.q, "role": wanted.role, "status": wanted.status}
    filled = {name: value for name, value in fields.items() if value}
    return f"/w/{access.slug}/members?{urlencode({**filled, 'page': wanted.page + 1})}"


def _invite_page(
    access: WorkspaceAccess, *, email: str, role: str, error: str | None = None
) -> str:
    return render_template(
        "members/invite.html",
        workspace=access,
        email=email,
        role=role,
        roles=list(Role),
        error=error,
    )


def _confirm(
    access: WorkspaceAccess,
    *,
    title: str,
    words: str,
    action: str,
    fields: dict[str, str],
    button: str,
) -> str:
    return render_template(
        "workspaces/confirm.html",
        title=title,
        words=words,
        action=action,
        fields=fields,
        button=button,
        back=f"/w/{access.slug}/members",
    )
