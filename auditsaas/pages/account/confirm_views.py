"""The page that asks a signed-in person again who they are, and then goes on for them."""

from __future__ import annotations

from contextvars import Context

from flask import Blueprint, Response, current_app, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access import asked_again
from auditsaas.access.browser import CSRF_FIELD, browser_session
from auditsaas.access.current import require_person
from auditsaas.accounts import kept_requests, passkeys, sessions
from auditsaas.accounts.forms import HOME, own_path
from auditsaas.accounts.kept_requests import KeptRequest
from auditsaas.accounts.models import User
from auditsaas.errors import Invalid
from auditsaas.extensions import db, settings
from auditsaas.own_activities import Activity
from auditsaas.pages.account.given_secrets import (
    Wrong,
    forget_wrong_passwords,
    wrong_code,
    wrong_password,
)
from auditsaas.workspaces import account_events

confirmation = Blueprint("confirmation", __name__, url_prefix="/account/confirm")

NOTHING = "Enter your password or a code, or use a passkey."
OTHER_PASSKEY = "That passkey is another account’s."
GIVEN = ("password", "code", "credential")
PASSED_ON = ("User-Agent", "Referer", "Accept-Language")


@confirmation.get("")
def show() -> ResponseReturnValue:
    after = own_path(request.args.get("next", "")) or HOME
    return asked_again.ask(KeptRequest("GET", after), status=200)


@confirmation.post("/options")
def passkey_options() -> ResponseReturnValue:
    require_person()
    options = passkeys.sign_in_options(db.session(), browser_session().session_id, settings())
    db.session.commit()
    return Response(options, mimetype="application/json")


@confirmation.post("")
def confirm() -> ResponseReturnValue:
    """Confirm the session by what was given, and answer as to the request that was kept."""
    session, person = db.session(), require_person()
    kept = kept_requests.unseal(settings().secret_keys, person.id, request.form.get("kept", ""))
    kept = kept or KeptRequest("GET", own_path(request.form.get("next", "")) or HOME)
    user = session.get_one(User, person.id)
    if not any(request.form.get(name, "").strip() for name in GIVEN):
        return asked_again.ask(kept, error=NOTHING, status=422)
    by_passkey = bool(request.form.get("credential"))
    wrong = _wrong_passkey(user) if by_passkey else _wrong_secret(user)
    if wrong is not None:
        answer = wrong.answer(asked_again.ask(kept, error=wrong.words), 401)
        _record(user, kept, status="error", status_code=answer.status_code)
        return answer
    if request.form.get("password"):
        forget_wrong_passwords(user)
    with_factor = by_passkey or bool(_code())
    session_id = sessions.confirm(session, browser_session().session_id, second_factor=with_factor)
    _record(user, kept, status="success", status_code=303)
    browser_session().rotate(session_id)
    return _send_again(kept)


def _send_again(kept: KeptRequest) -> AnyResponse:
    """Answer with what the kept request is answered, as the same browser with its new session."""
    if kept.method == "GET":
        return redirect(kept.address, 303)
    builder = EnvironBuilder(
        path=kept.address,
        base_url=request.url_root,
        method=kept.method,
        data=MultiDict([*kept.fields, (CSRF_FIELD, generate_csrf())]),
        headers=Headers([pair for pair in request.headers if pair[0] in PASSED_ON]),
        environ_overrides={"REMOTE_ADDR": request.remote_addr or ""},
    )
    cookie = f"{current_app.config['SESSION_COOKIE_NAME']}={browser_session().session_id}"
    builder.headers["Cookie"] = cookie
    builder.headers["X-Request-ID"] = current_request.request_id()
    try:
        # In a context of its own: nothing that this request knows of its person is known there.
        return Context().run(
            Response.from_app, current_app.wsgi_app, builder.get_environ(), buffered=True
        )
    finally:
        builder.close()


def _code() -> str:
    return request.form.get("code", "").strip()


def _wrong_secret(user: User) -> Wrong | None:
    """Refuse unless each secret that was given is right."""
    password, code = request.form.get("password", ""), _code()
    return (wrong_password(user, password) if password else None) or (
        wrong_code(user, code) if code else None
    )


def _wrong_passkey(user: User) -> Wrong | None:
    try:
        signer = passkeys.whose(
            db.session(), browser_session().session_id, request.form["credential"], settings()
        )
    except Invalid as error:
        return Wrong(str(error))
    return None if signer.id == user.id else Wrong(OTHER_PASSKEY)


def _record(user: User, kept: KeptRequest, *, status: str, status_code: int) -> None:
    account_events.record(
        db.session(),
        Activity.USER_CONFIRM,
        user,
        current_request.facts(),
        status="success" if status == "success" else "error",
        status_code=status_code,
        entered=kept.address,
    )
    db.session.commit()
