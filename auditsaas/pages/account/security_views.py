"""Pages of a person's security: password, second factor, passkeys and sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access.asked_again import require_recent
from auditsaas.access.browser import browser_session
from auditsaas.access.current import require_person
from auditsaas.accounts import passkeys, passwords, second_factor, sessions
from auditsaas.accounts.forms import own_path
from auditsaas.accounts.models import SignInSession, User
from auditsaas.errors import Conflict, Invalid
from auditsaas.events.writing.useragent import derive
from auditsaas.extensions import db, settings
from auditsaas.mail import account_mails
from auditsaas.own_activities import Activity
from auditsaas.pages.account.given_secrets import (
    Wrong,
    forget_wrong_passwords,
    wrong_code,
    wrong_password,
)
from auditsaas.workspaces import account_events

security = Blueprint("security", __name__, url_prefix="/account")

DONE = {
    "password": "The password is changed. Every other browser is signed out.",
    "passkey": "The passkey is added.",
    "passkey_removed": "The passkey is removed.",
    "removed": "The second factor is removed.",
    "ended": "The session is ended.",
    "others": "Every other browser is signed out.",
}


@security.get("/security")
def show() -> ResponseReturnValue:
    return page(me())


@security.post("/security/password")
def change_password() -> ResponseReturnValue:
    user, new = me(), request.form.get("new_password", "")
    wrong = given_password(user)
    if wrong:
        return _refused(user, Activity.USER_PASSWORD_CHANGE, wrong, "password")
    try:
        if passwords.matches(new, user.password_hash):
            raise Invalid("That is the password you have.")
        passwords.refuse_weak(new, owner=(user.email, user.name))
    except Invalid as error:
        return page(user, {"new_password": str(error)}), error.status
    session = db.session()
    user.password_hash = passwords.hashed(new)
    forget_wrong_passwords(user)
    _renew_session(user, second_factor=require_person().second_factor)
    account_events.record(
        session, Activity.USER_PASSWORD_CHANGE, user, current_request.facts(), status_code=303
    )
    account_mails.password_changed(session, user.id)
    session.commit()
    return _done("password")


@security.post("/security/second-factor")
def begin_second_factor() -> ResponseReturnValue:
    second_factor.begin(me(), settings().secret_keys)
    db.session.commit()
    return redirect(_here("#second-factor"), 303)


@security.post("/security/second-factor/confirm")
def confirm_second_factor() -> ResponseReturnValue:
    user, session = me(), db.session()
    wrong = given_password(user)
    if wrong:
        return wrong.answer(page(user, {"factor": wrong.words}))
    codes = second_factor.confirm(
        session, user, request.form.get("code", ""), settings().secret_keys
    )
    if codes is None:
        return page(user, {"factor": "That code is not right. Enter the one shown now."}), 422
    _renew_session(user, second_factor=True)
    return _record_and_show(user, Activity.USER_SECOND_FACTOR_ENABLE, codes)


@security.post("/security/recovery-codes")
def renew_recovery_codes() -> ResponseReturnValue:
    user = me()
    if user.totp_confirmed_at is None:
        raise Conflict("Recovery codes come with a second factor. Set it up first.")
    wrong = given_password(user)
    if wrong:
        return wrong.answer(page(user, {"factor": wrong.words}))
    codes = second_factor.renew_recovery_codes(db.session(), user)
    return _record_and_show(user, Activity.USER_RECOVERY_CODES_RENEW, codes)


@security.post("/security/second-factor/remove")
def remove_second_factor() -> ResponseReturnValue:
    user, session = me(), db.session()
    wrong = given_password(user) or wrong_code(user, request.form.get("code", ""))
    if wrong:
        return _refused(user, Activity.USER_SECOND_FACTOR_DISABLE, wrong, "factor")
    second_factor.remove(session, user)
    forget_wrong_passwords(user)
    _renew_session(user, second_factor=False)
    account_events.record(
        session, Activity.USER_SECOND_FACTOR_DISABLE, user, current_request.facts(), status_code=303
    )
    session.commit()
    return _done("removed")


@security.get("/sessions")
def list_sessions() -> ResponseReturnValue:
    user = me()
    mine = browser_session().session_id
    return render_template(
        "accounts/sessions.html",
        sessions=[_row(one, mine) for one in sessions.live_sessions(db.session(), user.id)],
        done=DONE.get(request.args.get("done", "")),
    )


@security.post("/sessions/end")
def end_session() -> ResponseReturnValue:
    """End one session by its name, all others, or all, this one too."""
    require_recent()
    user, session, which = me(), db.session(), request.form.get("session", "")
    mine = browser_session().session_id
    if which == "others":
        ended = sessions.end_all(session, user.id, but=mine)
    elif which == "all" or sessions.is_named(mine, which):
        ended = sessions.end_all(session, user.id) if which == "all" else 1
        sessions.end(session, mine)
        browser_session().end()
    else:
        ended = int(sessions.end_by_name(session, user.id, which))
    if ended:
        account_events.record(
            session,
            Activity.USER_SESSION_END,
            user,
            current_request.facts(),
            status_code=303,
            metadata={"sessions": ended},
        )
    session.commit()
    return _to_sign_in() if browser_session().ended else _done_sessions(which)


def me() -> User:
    return db.session().get_one(User, require_person().id)


def given_password(user: User) -> Wrong | None:
    """Refuse the password of this form; None if it is right."""
    return wrong_password(user, request.form.get("password", ""))


def _refused(user: User, activity: Activity, wrong: Wrong, part: str) -> AnyResponse:
    """Record a failed attempt to confirm the account, and say it beside its form."""
    answer = wrong.answer(page(user, {part: wrong.words}))
    facts, status_code = current_request.facts(), answer.status_code
    account_events.record(
        db.session(), activity, user, facts, status="error", status_code=status_code
    )
    db.session.commit()
    return answer


def _renew_session(user: User, *, second_factor: bool) -> None:
    """End every session of the person's, and go on in a new one."""
    session = db.session()
    sessions.end_all(session, user.id)
    facts = current_request.facts()
    browser_session().rotate(sessions.start(session, user.id, facts, second_factor=second_factor))


def _record_and_show(user: User, activity: Activity, codes: Sequence[str]) -> str:
    forget_wrong_passwords(user)
    account_events.record(db.session(), activity, user, current_request.facts(), status_code=200)
    db.session.commit()
    return page(user, codes=codes)


def page(user: User, errors: dict[str, str] | None = None, codes: Sequence[str] = ()) -> str:
    secret = second_factor.setup_secret(user, settings().secret_keys)
    picture = None
    if secret:
        picture = second_factor.setup_picture(secret, user.email, settings().brand_name)
    return render_template(
        "accounts/security.html",
        errors=errors or {},
        passkeys=[
            {"id": passkeys.name_in_forms(one), "row": one}
            for one in passkeys.list_passkeys(db.session(), user.id)
        ],
        passkeys_work=passkeys.domain_of(settings()) is not None,
        codes=codes,
        has_factor=user.totp_confirmed_at is not None,
        factor_readable=second_factor.is_readable(user, settings().secret_keys),
        codes_left=second_factor.recovery_codes_left(db.session(), user),
        secret=secret,
        picture=Markup(picture) if picture else None,  # noqa: S704  # our own SVG
        needed=bool(request.args.get("needed")) and not user.totp_confirmed_at,
        next=own_path(request.values.get("next", "")) or "",
        done=DONE.get(request.args.get("done", "")),
        min_length=passwords.MIN_LENGTH,
    )


def _row(one: SignInSession, mine: str) -> dict[str, Any]:
    name = sessions.name_of(one.id_hash)
    platform, browser = derive(one.user_agent)
    return {
        "name": name,
        "mine": sessions.is_named(mine, name),
        "title": f"{browser} on {platform}",
        "ip": str(one.ip) if one.ip else None,
        "began_at": one.created_at,
        "seen_at": one.last_seen_at,
        "second_factor": one.second_factor_at is not None,
    }


def _here(rest: str = "") -> str:
    return f"/account/security{rest}"


def _done(word: str) -> AnyResponse:
    return redirect(_here(f"?done={word}"), 303)


def _done_sessions(which: str) -> AnyResponse:
    word = "others" if which == "others" else "ended"
    return redirect(f"/account/sessions?done={word}", 303)


def _to_sign_in() -> AnyResponse:
    response = redirect("/login", 303)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response
