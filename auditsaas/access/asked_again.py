"""Asks a signed-in person again who they are, before what cannot be undone or gives rights.

The loaders call it, so that a route cannot forget to: see ``loaders.load_workspace``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import abort, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access.current import require_person
from auditsaas.accounts import kept_requests, passkeys
from auditsaas.accounts.forms import own_path
from auditsaas.accounts.kept_requests import KeptRequest
from auditsaas.accounts.models import User
from auditsaas.extensions import db, settings

RECENT = timedelta(minutes=10)
"""How long a sign-in, or a confirmation, is enough for what is asked again."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def require_recent() -> None:
    """Go on if the person signed in or confirmed within ten minutes; else ask, and keep the form.

    Answers 401, with a page that sends the request again once its question is answered; to htmx,
    with the same question for the page's dialog.
    """
    person = require_person()
    if person.confirmed_at is None or datetime.now(UTC) - person.confirmed_at > RECENT:
        abort(ask(_this_request()))


def ask(kept: KeptRequest, error: str | None = None, status: int = 401) -> AnyResponse:
    """Render the question, which holds what is to be sent again, sealed."""
    person = require_person()
    by_htmx = current_request.is_htmx()
    body = render_template(
        "accounts/_confirm.html" if by_htmx else "accounts/confirm.html",
        kept=kept_requests.seal(settings().secret_keys, person.id, kept),
        back=own_path(current_request.page_of_origin() or "") or "/",
        has_factor=db.session().get_one(User, person.id).totp_confirmed_at is not None,
        has_passkeys=passkeys.domain_of(settings()) is not None
        and bool(passkeys.list_passkeys(db.session(), person.id)),
        confirmed_at=person.confirmed_at,
        error=error,
    )
    response = make_response(body, status)
    if by_htmx:
        response.headers["HX-Retarget"] = "#dialog"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def _this_request() -> KeptRequest:
    """Keep what is sent again; a file cannot be kept, so its form is shown again instead."""
    if request.method in SAFE_METHODS:
        return KeptRequest("GET", current_request.own_address())
    if request.files:
        return KeptRequest("GET", own_path(current_request.page_of_origin() or "") or "/")
    return KeptRequest.of(
        request.method, current_request.own_address(), request.form.items(multi=True)
    )
