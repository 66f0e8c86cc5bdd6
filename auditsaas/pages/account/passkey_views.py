"""Adding passkeys, and signing in by one."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access.browser import browser_session, signed_in
from auditsaas.accounts import attempts, outbox, passkeys, sessions
from auditsaas.accounts.forms import HOME, own_path
from auditsaas.errors import Invalid
from auditsaas.extensions import db, settings
from auditsaas.own_activities import Activity
from auditsaas.pages.account import security_views
from auditsaas.pages.account.given_secrets import forget_wrong_passwords
from auditsaas.pages.account.sign_in_views import pause_words, sign_in_again
from auditsaas.workspaces import account_events

passkey_pages = Blueprint("passkeys", __name__)


@passkey_pages.post("/login/passkey/options")
def sign_in_options() -> ResponseReturnValue:
    options = passkeys.sign_in_options(db.session(), browser_session().session_id, settings())
    db.session.commit()
    return _json(options)


@passkey_pages.post("/login/passkey")
def sign_in() -> ResponseReturnValue:
    session, facts = db.session(), current_request.facts()
    place = browser_session().devices.any or attempts.network_of(facts.ip)
    standing = attempts.count(session, attempts.PASSKEY, place)
    session.commit()
    after = own_path(request.form.get("next", ""))
    if standing.paused:
        if standing.left == -1:
            outbox.note_refusal(session, "", "too_often", facts)
            session.commit()
        return sign_in_again(after or "", pause_words(standing), 429)
    browser = browser_session()
    try:
        user = passkeys.whose(
            session, browser.session_id, request.form.get("credential", ""), settings()
        )
    except Invalid as error:
        outbox.note_refusal(session, "", "passkey", facts)
        session.commit()  # what was asked is used up, too
        return sign_in_again(after or "", str(error), 401)
    attempts.take_back(session, attempts.PASSKEY, place)
    if signed_in():
        sessions.end(session, browser.session_id)
    browser.remember(user.email)
    session_id = account_events.enter(
        session, user, facts, second_factor=True, entering=after or ""
    )
    session.commit()
    browser.rotate(session_id)
    return redirect(after or HOME)


@passkey_pages.post("/account/security/passkeys/options")
def registration_options() -> ResponseReturnValue:
    user = security_views.me()
    options = passkeys.registration_options(
        db.session(), user, browser_session().session_id, settings()
    )
    db.session.commit()
    return _json(options)


@passkey_pages.post("/account/security/passkeys")
def register() -> ResponseReturnValue:
    user, session = security_views.me(), db.session()
    wrong = security_views.given_password(user)
    if wrong:
        return wrong.answer(security_views.page(user, {"passkey": wrong.words}))
    try:
        passkeys.register(
            session,
            user,
            browser_session().session_id,
            request.form.get("credential", ""),
            request.form.get("name", ""),
            settings(),
        )
    except Invalid as error:
        session.commit()
        return security_views.page(user, {"passkey": str(error)}), 422
    forget_wrong_passwords(user)
    account_events.record(
        session, Activity.USER_PASSKEY_ADD, user, current_request.facts(), status_code=303
    )
    session.commit()
    return _back("passkey")


@passkey_pages.post("/account/security/passkeys/remove")
def remove() -> ResponseReturnValue:
    user, session = security_views.me(), db.session()
    wrong = security_views.given_password(user)
    if wrong:
        return wrong.answer(security_views.page(user, {"removal": wrong.words}))
    forget_wrong_passwords(user)
    if passkeys.remove(session, user.id, request.form.get("passkey", "")):
        account_events.record(
            session, Activity.USER_PASSKEY_REMOVE, user, current_request.facts(), status_code=303
        )
    session.commit()
    return _back("passkey_removed")


def _back(word: str) -> AnyResponse:
    return redirect(f"/account/security?done={word}", 303)


def _json(text: str) -> Response:
    return Response(text, mimetype="application/json")
