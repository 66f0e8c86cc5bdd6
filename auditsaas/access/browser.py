"""Ties a browser to a sign-in session: the cookie, its person, and the CSRF token.

There is one cookie of the session, with one random id in it. (Another, which outlives it, tells
known devices: see ``accounts/devices``.) Flask's ``session`` stores nothing: it only holds the
value that Flask-WTF compares tokens with, derived from that id. So a token is good for its own
session and no other, before sign-in as after it, and nothing is written for a visitor who has not
signed in. (There is therefore no ``flash``.)
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Flask, Request, Response, session
from flask.sessions import SessionInterface, SessionMixin
from flask_login import current_user

from auditsaas import tokens
from auditsaas.accounts import devices
from auditsaas.accounts.devices import Devices
from auditsaas.extensions import settings
from auditsaas.formatting.viewer import Clock, DateFormat, Density, Theme
from config.secret_keys import SecretKeys

CSRF_FIELD = "csrf_token"


@dataclass(frozen=True)
class Identity:
    """The signed-in person as plain values; Flask-Login's ``current_user``."""

    id: UUID
    email: str
    name: str
    is_super_admin: bool
    time_zone: str | None
    date_format: DateFormat
    clock: Clock
    theme: Theme
    density: Density
    single_key_shortcuts: bool
    hidden_columns: tuple[str, ...]
    workspace_inside: bool = False
    default_period: str | None = None
    """The period that the log opens with; None as the workspace has it."""
    second_factor: bool = False
    """This session was confirmed by a second factor."""
    confirmed_at: datetime | None = None
    """When they last showed who they are, in this session."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    @property
    def initials(self) -> str:
        return initials(self.name)

    def get_id(self) -> str:
        return str(self.id)


class BrowserSession(dict[str, object], SessionMixin):
    """The id in the cookie, and the CSRF value that follows from it."""

    def __init__(self, session_id: str | None, keys: SecretKeys) -> None:
        super().__init__()
        self._keys = keys
        self.received = session_id
        self.new = session_id is None
        self.used = False
        self.ended = False
        self.session_id = session_id or tokens.new()
        self.devices = Devices()
        self.knows_more = False

    def __contains__(self, key: object) -> bool:
        return key == CSRF_FIELD or super().__contains__(key)

    def __missing__(self, key: str) -> object:
        # Derived once it is read: a call by a key has no use for it.
        if key != CSRF_FIELD:
            raise KeyError(key)
        self[key] = self.csrf_values()[0]
        return super().__getitem__(key)

    def __getitem__(self, key: str) -> object:
        # Flask-WTF reads the value by subscript, and only when a page needs or checks a token.
        if key == CSRF_FIELD:
            self.used = True
        return super().__getitem__(key)

    def rotate(self, session_id: str) -> None:
        """Replace the session id; earlier CSRF tokens become invalid."""
        self.session_id = session_id
        self.used = True
        self.pop(CSRF_FIELD, None)

    def remember(self, email: str) -> None:
        """Make the browser a known device of the account, which signed in here."""
        self.devices = self.devices.with_account(email)
        self.knows_more = True

    def end(self) -> None:
        """Delete the session cookie."""
        self.ended = True

    def csrf_values(self) -> list[str]:
        """Derive the CSRF value by each secret key, today's first."""
        message = f"csrf:{self.session_id}".encode()
        return [hmac.digest(key.encode(), message, "sha256").hex() for key in self._keys]


class BrowserSessions(SessionInterface):
    """Reads and writes the cookie; an id that was used and not sent yet is set."""

    def open_session(self, app: Flask, request: Request) -> BrowserSession:
        value = request.cookies.get(self.get_cookie_name(app), "")
        known = value if tokens.well_formed(value) else None
        keys = settings(app).secret_keys
        made = BrowserSession(known, keys)
        made.devices = devices.read(keys, request.cookies.get(self._device_name(app), ""))
        return made

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if not isinstance(session, BrowserSession):
            raise TypeError("the session was not opened by this interface")
        name, secure = self.get_cookie_name(app), self.get_cookie_secure(app)
        if session.ended:
            if session.received:
                response.delete_cookie(name, secure=secure, httponly=True, samesite="Lax")
        elif session.used and session.session_id != session.received:
            response.set_cookie(
                name, session.session_id, secure=secure, httponly=True, samesite="Lax"
            )
        if session.knows_more:
            response.set_cookie(
                self._device_name(app),
                devices.written(settings(app).secret_keys, session.devices),
                max_age=devices.GOOD_FOR,
                secure=secure,
                httponly=True,
                samesite="Lax",
            )

    def _device_name(self, app: Flask) -> str:
        """Name the cookie of known devices, with the prefix of the other's."""
        return self.get_cookie_name(app).replace("session", "device")


def initials(name: str) -> str:
    """Return `AL` for Ann Lee: the first letters of the first and the last word that have any."""
    words = re.findall(r"[^\W_]+", name) or ["?"]
    return "".join(word[0] for word in dict.fromkeys((words[0], words[-1]))).upper()


def signed_in() -> Identity | None:
    """Return the signed-in person of this request; None when signed out."""
    found = current_user._get_current_object()  # each look through the proxy finds it anew
    return found if isinstance(found, Identity) else None


def browser_session() -> BrowserSession:
    """Return the browser session of this request, signed in or not."""
    if not isinstance(session, BrowserSession):
        raise TypeError("the session was not opened by this interface")
    return session
