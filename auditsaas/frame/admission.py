"""Decides from a form's address and headers who may send its body, before a byte of it is read.

What has arrived already is answered as always. For a body that is still on its way, or is large, it
is first seen that the sender is signed in, may do this in this workspace, and, for an upload, holds
the token of the page that it comes from.
"""

from __future__ import annotations

import io
from typing import Any, Final

from flask import Flask, abort, current_app, request
from flask_wtf.csrf import CSRFError, validate_csrf
from werkzeug.exceptions import LengthRequired, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from auditsaas.access import loaders
from auditsaas.access.asked_again import SAFE_METHODS
from auditsaas.access.browser import CSRF_FIELD, signed_in
from auditsaas.access.waiting import announces_body, await_body, take_up_form, use_files
from auditsaas.current_request import is_api
from auditsaas.extensions import db, login_manager
from auditsaas.permissions import Permission

MAX_OPEN_BYTES: Final = 16 * 1024
"""The largest form of a visitor who is not signed in."""

MAX_FORM_BYTES: Final = 512 * 1024
MAX_BEFORE_FILE: Final = 64 * 1024
PIECE: Final = 4096
NOT_IT: Final = b"another field"
"""The fields of an upload that come before its first file, the token among them."""

UPLOADS: Final = {"imports.upload": 1024**3, "import_mappings.preview": 64 * 1024**2}
"""Forms that send files, and how large they may be."""

PERMISSIONS: Final = {
    "api_keys": Permission.API_KEY_MANAGE,
    "audit_logs": Permission.LOG_READ,
    "erasures": Permission.WORKSPACE_MANAGE,
    "event_proofs": Permission.LOG_READ,
    "exports": Permission.EXPORT_CREATE,
    "filter_field": Permission.LOG_READ,
    "findings": Permission.WORKSPACE_MANAGE,
    "import_mappings": Permission.WORKSPACE_MANAGE,
    "imports": Permission.WORKSPACE_MANAGE,
    "integrity": Permission.LOG_READ,
    "members": Permission.MEMBER_MANAGE,
    "onboarding": Permission.API_KEY_MANAGE,
    "saved_views": Permission.LOG_READ,
    "schedules": Permission.EXPORT_CREATE,
    "workspace_access": Permission.WORKSPACE_MANAGE,
    "workspace_settings": Permission.WORKSPACE_MANAGE,
}
"""What each blueprint's forms below ``/w/<slug>`` need."""

OPEN_FORMS: Final = frozenset(
    {
        "accounts.sign_in",
        "accounts.give_second_factor",
        "invitations.accept",
        "passkeys.sign_in",
        "passkeys.sign_in_options",
        "password_reset.ask",
        "password_reset.choose",
        "welcome.set_up",
    }
)
"""Forms for people who are not signed in; every other stale form means that they were."""


class Rejoined:
    """A body again, of which the beginning was read."""

    def __init__(self, begun: bytes, rest: Any) -> None:
        self._begun = io.BytesIO(begun)
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        found = self._begun.read(size)
        if found and size >= 0:
            return found
        more: bytes = self._rest.read(size)
        return found + more


def install(app: Flask) -> None:
    # Before the CSRF check, which reads the form, and after the beginning of the request.
    app.before_request_funcs.setdefault(None, []).insert(1, _admit)


def _admit() -> None:
    """Let a body in, or refuse it unread.

    Raises:
        RequestEntityTooLarge, LengthRequired: of this sender, or at this address.
        NotFound, Forbidden: the sender may not do this here.
        CSRFError: an upload begins without the token of its page.
    """
    take_up_form()
    unread = request.method in SAFE_METHODS or is_api()
    if unread or request.endpoint is None or not announces_body():
        return
    person = signed_in()
    most = UPLOADS.get(request.endpoint, MAX_FORM_BYTES) if person else MAX_FORM_BYTES
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge
    if person is None:
        _admit_visitor()
        most = MAX_OPEN_BYTES
    if request.content_length is None and request.endpoint not in UPLOADS:
        raise LengthRequired
    request.max_content_length = most
    if 0 < (request.content_length or 0) <= MAX_OPEN_BYTES:
        await_body(most, _check_rights if person else None)
        return
    _check_rights()
    if person is not None and request.endpoint in UPLOADS:
        use_files(f"person {person.id}")
        db.session.rollback()  # the sender may be slow, and a connection is not theirs to hold
        _check_token()
    else:
        await_body(most)


def _admit_visitor() -> None:
    """Let a small form of a visitor in who is not signed in; lead all others to the sign-in."""
    if request.endpoint not in OPEN_FORMS | {"accounts.sign_out"}:
        abort(login_manager.unauthorized())
    if (request.content_length or 0) > MAX_OPEN_BYTES:
        raise RequestEntityTooLarge


def _check_rights() -> None:
    """Check that the person may send the forms of this blueprint here."""
    slug = (request.view_args or {}).get("slug")
    if request.path.startswith("/admin/"):
        loaders.load_platform(recent=False)
    elif slug is not None:
        loaders.load_workspace(slug, PERMISSIONS[request.blueprint or ""], recent=False)


def _check_token() -> None:
    """Check the token of the page that an upload comes from: in a header, or before its files."""
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return
    named = (request.headers.get(name) for name in current_app.config["WTF_CSRF_HEADERS"])
    try:
        validate_csrf(next(filter(None, named), None) or _leading_field(CSRF_FIELD))
    except ValueError as error:
        raise CSRFError(str(error)) from None


def _leading_field(name: str) -> str | None:
    """Read a field of a multipart form that stands before its first file, and put all back."""
    boundary = request.mimetype_params.get("boundary", "").encode()
    if request.mimetype != "multipart/form-data" or not boundary:
        return None
    stream, begun = request.environ["wsgi.input"], b""
    decoder = MultipartDecoder(boundary, MAX_BEFORE_FILE)
    found: list[bytes] = []
    try:
        while len(begun) < MAX_BEFORE_FILE and (part := stream.read(PIECE)):
            begun += part
            decoder.receive_data(part)
            whole = _look_for(name, decoder, found)
            if whole is not None:
                return b"".join(found).decode("utf-8", "replace") if whole else None
    except (ValueError, RequestEntityTooLarge):
        return None  # no form, as the parser will say
    finally:
        request.environ["wsgi.input"] = Rejoined(begun, stream)
    return None


def _look_for(name: str, decoder: MultipartDecoder, found: list[bytes]) -> bool | None:
    """Look at what has come; True once the field is whole, False at the first file."""
    while not isinstance(event := decoder.next_event(), NeedData):
        if isinstance(event, File | Epilogue):
            return False
        if isinstance(event, Field):
            found[:] = [] if event.name == name else [NOT_IT]
        elif isinstance(event, Data) and found[:1] != [NOT_IT]:
            found.append(event.data)
            if not event.more_data:
                return True
    return None
