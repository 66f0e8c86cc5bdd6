"""The pages of the link that sets an installation up."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import Blueprint, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from auditsaas import current_request
from auditsaas.access.browser import browser_session
from auditsaas.accounts import attempts, passwords, sessions
from auditsaas.errors import NotFound
from auditsaas.extensions import db, settings
from auditsaas.first_run import links, setting_up
from auditsaas.first_run.setting_up import SetUp, TakenSlug
from auditsaas.first_run.wanted import Wanted
from auditsaas.mail import account_mails
from auditsaas.own_actions import without_token
from auditsaas.pages.onboarding.page import sending, wait_for
from auditsaas.pages.welcome import readiness

welcome = Blueprint("welcome", __name__, url_prefix="/welcome")


@welcome.get("/<token>")
def show(token: str) -> ResponseReturnValue:
    closed = _closed(token)
    return closed or _page(token, Wanted(), {})


@welcome.get("/<token>/ready")
def ready(token: str) -> ResponseReturnValue:
    """Render how the parts of the installation are, for the page that was shown without."""
    closed = _closed(token)
    return closed or render_template("welcome/_ready.html", lines=readiness.read(settings()))


@welcome.post("/<token>")
def set_up(token: str) -> ResponseReturnValue:
    """Make everything at once, and show its secrets: a page and not a redirect, for that reason."""
    closed = _closed(token)
    if closed is not None:
        return closed
    session, wanted = db.session(), Wanted.of(request.form)
    wrong = wanted.errors()
    if wrong:
        return _page(token, wanted, wrong), 422
    try:
        made = setting_up.set_up(session, token, wanted, without_token(current_request.facts()))
    except NotFound as error:
        return _nothing(error)
    except TakenSlug as error:
        session.rollback()
        return _page(token, wanted, {"slug": str(error)}), error.status
    return _made(session, made)


def _made(session: Session, made: SetUp) -> ResponseReturnValue:
    """Commit, sign the super-admin in, and show what is shown once."""
    if made.invitation is not None:
        account_mails.invitation(
            session,
            settings().secret_keys,
            tenant=made.workspace.id,
            to=made.invitation.invitation.email,
            token=made.invitation.token,
            workspace=made.workspace.name,
            inviter=made.user.name,
            role=made.invitation.invitation.role,
            expires_at=made.invitation.invitation.expires_at,
        )
    wait_for([made.key.key.public_id])
    session_id = sessions.start(session, made.user.id, current_request.facts())
    page = {
        "user": {"name": made.user.name},
        "workspace": {"name": made.workspace.name, "slug": made.workspace.slug},
        "invitation": made.invitation and _link(made.invitation.token),
        "invited": made.invitation and made.invitation.invitation.email,
        **sending(made.key.secret),
    }
    session.commit()
    browser_session().remember(made.user.email)
    browser_session().rotate(session_id)
    return render_template("welcome/done.html", **page)


def _link(token: str) -> str:
    return f"{settings().base_url}/invitations/{token}"


def _closed(token: str) -> ResponseReturnValue | None:
    """Answer for a link that opens nothing, and to a place that tries too many; None for the link.

    A right one takes back its own try.
    """
    session, place = db.session(), attempts.network_of(current_request.facts().ip)
    standing = attempts.count(session, attempts.WELCOME, place)
    session.commit()
    if standing.paused:
        response = make_response(_words("Too many tries. Try again in a quarter of an hour."), 429)
        response.headers["Retry-After"] = str(standing.seconds)
        return response
    try:
        links.find(session, token)
    except NotFound as error:
        return _nothing(error)
    attempts.take_back(session, attempts.WELCOME, place)
    session.commit()
    return None


def _nothing(error: NotFound) -> ResponseReturnValue:
    db.session.rollback()
    return _words(str(error)), error.status


def _words(message: str) -> str:
    return render_template("invitations/closed.html", title="Set up", message=message)


def _page(token: str, wanted: Wanted, wrong: dict[str, str]) -> str:
    return render_template(
        "welcome/set_up.html",
        wanted=wanted,
        wrong=wrong,
        until=links.find(db.session(), token),
        address=f"/welcome/{token}",
        host=settings().base_url,
        zones=sorted(available_timezones()),
        min_length=passwords.MIN_LENGTH,
    )
