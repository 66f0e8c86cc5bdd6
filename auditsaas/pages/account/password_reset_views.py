"""Choosing a new password by a link that is sent by e-mail."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas import current_request
from auditsaas.accounts import attempts, passwords, resets, service
from auditsaas.errors import Gone, Invalid
from auditsaas.extensions import db
from auditsaas.mail import account_mails
from auditsaas.own_actions import RequestFacts, without_token
from auditsaas.own_activities import Activity
from auditsaas.pages.account.sign_in_views import pause_words, paused
from auditsaas.workspaces import account_events

password_reset = Blueprint("password_reset", __name__, url_prefix="/password-reset")

ANSWER_AFTER_SECONDS = 0.25
"""Longer than either case takes, so that the time tells nothing of who has an account."""


@password_reset.get("")
def ask_page() -> ResponseReturnValue:
    return render_template("accounts/reset_ask.html", sent=False)


@password_reset.post("")
def ask() -> ResponseReturnValue:
    """Answer alike and in the same time, whether a link is sent or not.

    A place that asked for too many is told so at once: that tells nothing of an account, and its
    requests hold no thread.
    """
    facts, email = current_request.facts(), request.form.get("email", "")
    place = attempts.count(db.session(), attempts.RESET_ADDRESS, attempts.network_of(facts.ip))
    db.session.commit()
    if place.paused:
        page = render_template("accounts/reset_ask.html", sent=False, error=pause_words(place))
        return paused(page, place)
    _send(email, facts)
    db.session.rollback()  # gives the connection back while we wait
    current_request.take_at_least(ANSWER_AFTER_SECONDS)
    return render_template("accounts/reset_ask.html", sent=True)


@password_reset.get("/<token>")
def show(token: str) -> ResponseReturnValue:
    try:
        email = resets.find(db.session(), token).email
    except Gone as error:
        return _closed(error)
    return _page(email)


@password_reset.post("/<token>")
def choose(token: str) -> ResponseReturnValue:
    session, facts = db.session(), current_request.facts()
    try:
        user = resets.use(session, token)
        email = user.email
        resets.complete(session, user, request.form.get("password", ""))
    except Gone as error:
        return _closed(error)
    except Invalid as error:
        session.rollback()
        return _page(email, str(error)), error.status
    attempts.forget(session, attempts.ACCOUNT, user.email)
    account_events.record(
        session, Activity.USER_PASSWORD_RESET, user, without_token(facts), status_code=303
    )
    account_mails.password_changed(session, user.id)
    session.commit()
    return redirect("/login?reset=1", 303)


def _send(email: str, facts: RequestFacts) -> None:
    session = db.session()
    standing = attempts.count(session, attempts.RESET_ACCOUNT, email)
    session.commit()
    user = service.find_by_email(session, email)
    if user is None or user.disabled_at is not None or standing.paused:
        return
    token = resets.begin(session, user)
    account_events.record(
        session, Activity.USER_PASSWORD_RESET_REQUEST, user, facts, status_code=200
    )
    account_mails.password_reset(session, user.id, token=token)
    session.commit()


def _page(email: str, error: str | None = None) -> str:
    return render_template(
        "accounts/reset_choose.html", email=email, error=error, min_length=passwords.MIN_LENGTH
    )


def _closed(error: Gone) -> ResponseReturnValue:
    db.session.rollback()
    page = render_template("invitations/closed.html", title="New password", message=str(error))
    return page, error.status
