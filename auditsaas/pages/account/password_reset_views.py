"""Choosing a new password by a link that is sent by e-mail."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas import current_request
from auditsaas.accounts import attempts, outbox, passwords, resets
from auditsaas.errors import Gone, Invalid
from auditsaas.extensions import db
from auditsaas.mail import account_mails
from auditsaas.own_actions import without_token
from auditsaas.own_activities import Activity
from auditsaas.pages.account.sign_in_views import origin_of, pause_words, paused
from auditsaas.workspaces import account_events

password_reset = Blueprint("password_reset", __name__, url_prefix="/password-reset")


@password_reset.get("")
def ask_page() -> ResponseReturnValue:
    return render_template("accounts/reset_ask.html", sent=False)


@password_reset.post("")
def ask() -> ResponseReturnValue:
    """Answer alike, by the same work, whether a link is sent or not: a worker looks for an account.

    What is paused is told so at once, which tells nothing of an account: it is counted for any
    address that is typed.
    """
    facts, email, session = current_request.facts(), request.form.get("email", ""), db.session()
    standing = attempts.count_reset(session, email, origin_of(email))
    if standing is not None:
        session.commit()
        page = render_template("accounts/reset_ask.html", sent=False, error=pause_words(standing))
        return paused(page, standing)
    outbox.note_reset_request(session, email, facts)
    session.commit()
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
    attempts.forget_sign_ins(session, user.email, origin_of(user.email))
    attempts.forget(session, attempts.ACCOUNT_ANYWHERE, user.email)
    account_events.record(
        session, Activity.USER_PASSWORD_RESET, user, without_token(facts), status_code=303
    )
    account_mails.password_changed(session, user.id)
    session.commit()
    return redirect("/login?reset=1", 303)


def _page(email: str, error: str | None = None) -> str:
    return render_template(
        "accounts/reset_choose.html", email=email, error=error, min_length=passwords.MIN_LENGTH
    )


def _closed(error: Gone) -> ResponseReturnValue:
    db.session.rollback()
    page = render_template("invitations/closed.html", title="New password", message=str(error))
    return page, error.status
