"""Pages of an invitation's link: join, or set up an account and join."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from auditsaas import current_request
from auditsaas.access.browser import browser_session, signed_in
from auditsaas.accounts import passwords, sessions
from auditsaas.accounts.models import User
from auditsaas.accounts.service import create_user
from auditsaas.errors import Conflict, Gone, Invalid, NotFound
from auditsaas.extensions import db
from auditsaas.permissions import Permission, Role, allows
from auditsaas.workspaces import invitations
from auditsaas.workspaces.invitations import Found

invitation_pages = Blueprint("invitations", __name__, url_prefix="/invitations")


@invitation_pages.get("/<token>")
def show(token: str) -> ResponseReturnValue:
    try:
        found = invitations.find(db.session(), token)
    except (NotFound, Gone) as error:
        return _closed(error)
    return _page(found)


@invitation_pages.post("/<token>")
def accept(token: str) -> ResponseReturnValue:
    session, person = db.session(), signed_in()
    try:
        found = invitations.find(session, token, for_update=True)
    except (NotFound, Gone) as error:
        return _closed(error)
    user = invitations.invited_person(session, found.invitation)
    if user is not None and (person is None or person.id != user.id):
        return redirect(f"/login?next={request.path}", 303)
    if person is not None and user is None:
        return _page(found), Conflict.status
    session_id = None
    try:
        if user is None:
            user = _new_user(session, found)
            session_id = sessions.start(session, user.id, current_request.facts())
            browser_session().remember(user.email)
        invitations.accept(session, found, user, current_request.facts())
    except (Invalid, Conflict) as error:
        session.rollback()
        return _page(invitations.find(session, token), error=str(error)), error.status
    leads_to = _first_page(found)
    session.commit()
    if session_id is not None:
        browser_session().rotate(session_id)
    return redirect(leads_to, 303)


def _new_user(session: Session, found: Found) -> User:
    name, password = request.form.get("name", ""), request.form.get("password", "")
    email = found.invitation.email
    about = (found.workspace.name,)
    return create_user(session, email, name=name.strip() or None, password=password, about=about)


def _first_page(found: Found) -> str:
    if allows(Role(found.invitation.role), Permission.LOG_READ):
        return f"/w/{found.workspace.slug}/audit-logs"
    return "/me/activity"


def _page(found: Found, error: str | None = None) -> str:
    person = signed_in()
    user = invitations.invited_person(db.session(), found.invitation)
    return render_template(
        "invitations/show.html",
        invitation=found.invitation,
        workspace=found.workspace,
        person=person,
        has_account=user is not None,
        is_theirs=user is not None and person is not None and person.id == user.id,
        name=request.form.get("name", ""),
        error=error,
        min_length=passwords.MIN_LENGTH,
    )


def _closed(error: NotFound | Gone) -> ResponseReturnValue:
    db.session.rollback()
    page = render_template("invitations/closed.html", title="Invitation", message=str(error))
    return page, error.status
