"""Lets a form act once, however often it is sent; see ``accounts.sent_forms``."""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import ParamSpec
from uuid import UUID

from flask import Response, make_response, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access.current import require_person
from auditsaas.accounts import sent_forms
from auditsaas.accounts.forms import own_path
from auditsaas.accounts.models import SentForm
from auditsaas.accounts.sent_forms import Sent
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db, settings
from auditsaas.workspaces import api_keys
from auditsaas.workspaces.api_keys import NewKey
from auditsaas.workspaces.models import ApiKey

FIELD = "once"
SHOWN_AGAIN = timedelta(minutes=1)
"""A double click is answered twice, and a browser shows the second answer."""
WAIT_SECONDS = 0.05
MOST_WAITS = 40

P = ParamSpec("P")


def acts_once(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Lead a form that is sent again where its first answer led, without acting again."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        earlier = begun()
        if earlier is not None:
            return lead_to(earlier.address or own_path(current_request.page_of_origin() or ""))
        response = make_response(view(*args, **kwargs))
        address = response.headers.get("HX-Redirect") or response.headers.get("Location")
        if address is not None and response.status_code < 400:
            tenancy.bind(Scope(user=require_person().id))
            made(address)
            db.session.commit()
        return response

    return answer


def begun() -> SentForm | None:
    """Claim the form of this request; what it made, where it was sent before."""
    form = _sent()
    if form is None:
        return None
    earlier = sent_forms.claim(db.session(), form)
    waits = 0
    while earlier is not None and earlier.address is None and waits < MOST_WAITS:
        # The first answer has been decided on, and is about to be noted.
        time.sleep(WAIT_SECONDS)
        db.session().refresh(earlier)
        waits += 1
    return earlier


def made(address: str) -> None:
    """Note where what the form of this request made is; the caller commits."""
    form = _sent()
    if form is not None:
        sent_forms.note(db.session(), form, address)


def lead_to(address: str | None) -> AnyResponse:
    if current_request.is_htmx():
        return Response(status=204, headers={"HX-Redirect": address or "/"})
    return redirect(address or "/", 303)


def link_tokens() -> list[str]:
    """Derive the token of a link that the form makes, by each secret key, today's first."""
    if _sent() is None:
        return []
    message = f"link {request.form.get(FIELD, '')}".encode()
    made = (hmac.digest(key.encode(), message, "sha256") for key in settings().secret_keys)
    return [urlsafe_b64encode(each).decode().rstrip("=") for each in made]


def is_shown_again(earlier: SentForm) -> bool:
    """Tell whether what a form made is shown again to its second sending: within a minute."""
    return earlier.created_at >= datetime.now(UTC) - SHOWN_AGAIN


def key_again(earlier: SentForm, workspace_id: UUID) -> NewKey | None:
    """Make the key again that the same form has made, with its secret; None a minute later."""
    key_id = (earlier.address or "").partition("#")[2]
    if not key_id or not is_shown_again(earlier):
        return None
    key = db.session().get(ApiKey, (workspace_id, UUID(key_id)), populate_existing=True)
    made = (api_keys.made_before(key, number) for number in numbers_of_token()) if key else ()
    return next(filter(None, made), None)


def number_of_token() -> int | None:
    """Derive a secret number from the form's token, always the same; None without a token."""
    return next(iter(numbers_of_token()), None)


def numbers_of_token() -> list[int]:
    """Derive the number by each secret key, today's first."""
    if _sent() is None:
        return []
    message = f"once {request.form.get(FIELD, '')}".encode()
    keys = settings().secret_keys
    return [int.from_bytes(hmac.digest(key.encode(), message, "sha512")) for key in keys]


def _sent() -> Sent | None:
    token = request.form.get(FIELD, "")
    return sent_forms.sent(require_person().id, request.path, token, _fields())


def _fields() -> Iterator[tuple[str, str]]:
    for name, value in request.form.items(multi=True):
        if name not in (FIELD, "csrf_token"):
            yield name, value
    for name, file in request.files.items(multi=True):
        yield name, file.filename or ""
