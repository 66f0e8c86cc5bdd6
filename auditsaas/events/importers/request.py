"""Fields that all logs of web requests share: method, path, answer, actor and address.

- The activity is ``http.`` and the method in small letters. A method that neither HTTP nor WebDAV
  has, or a request that is none, is ``http.other``.
- A status from 100 to 399 is success, one up to 599 an error. A status outside (nginx writes 000
  and Caddy 0 where no answer was given) is an error and kept in ``metadata.status``.
- The actor is the user, or else the client. A list of clients is what X-Forwarded-For says: the
  first is the client, and the list is kept in ``metadata.client``, as is a client that is no
  address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from http import HTTPMethod
from typing import Any

from auditsaas.events.importers.fitting import (
    LONGEST_ACTOR,
    LONGEST_METHOD,
    LONGEST_PATH,
    email_in,
    put,
    without_port,
    word,
)
from auditsaas.text import normal_address

# RFC 9110 and 5789, and WebDAV (RFC 4918, 3253 and 5323).
_WEBDAV = {"COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "REPORT", "SEARCH", "UNLOCK"}
METHODS = frozenset({*HTTPMethod, *_WEBDAV})
ACTIVITIES = {method: f"http.{method.lower()}" for method in METHODS}
_REQUEST = re.compile(
    r"(?P<method>[A-Za-z][A-Za-z0-9_-]{0,31}) (?P<path>.+) (?P<protocol>HTTP/[0-9.]{1,4})"
)
# HTTP/0.9 and cut requests name no protocol.
_BARE_REQUEST = re.compile(r"(?P<method>[A-Z-]{1,32}) (?P<path>.+)")


def answered(occurred_at: datetime, status: object, metadata: dict[str, Any]) -> dict[str, Any]:
    """Begin an event with its time and its status."""
    text = word(status)
    event: dict[str, Any] = {
        "activity": "http.other",
        "status": "error",
        "occurred_at": occurred_at,
        "metadata": metadata,
    }
    if text is not None and len(text) == 3 and text.isdecimal() and "100" <= text <= "599":
        event["status_code"] = code = int(text)
        if code < 400:
            event["status"] = "success"
    elif text is not None:
        metadata["status"] = text
    return event


def add_line(
    event: dict[str, Any], request: str | None, read_path: Callable[[str], str] = str
) -> None:
    """Add method and path of a request line; one that is none is kept in ``metadata.request``."""
    if request is None:
        return
    match = _REQUEST.fullmatch(request)
    if match is None:
        match = _BARE_REQUEST.fullmatch(request)
        if match is None or match["method"] not in METHODS:
            event["metadata"]["request"] = request
            return
    else:
        event["metadata"]["protocol"] = match["protocol"]
    add_request(event, match["method"], read_path(match["path"]))


def add_request(event: dict[str, Any], method: object, path: object) -> None:
    put(event, "method", method, LONGEST_METHOD)
    event["activity"] = ACTIVITIES.get(event.get("method", "").upper(), "http.other")
    put(event, "path", path, LONGEST_PATH)


def add_parties(event: dict[str, Any], user: object, clients: object) -> None:
    """Add the actor and the address, from the user and the client or list of clients."""
    told, listed = word(user), word(clients)
    metadata = event["metadata"]
    client = without_port(listed.split(",")[0].strip()) if listed else None
    if client and normal_address(client):
        event["ip"] = client
    if listed and (client != listed or "ip" not in event):
        metadata["client"] = listed
    identity = told or client or "unknown"
    if len(identity) > LONGEST_ACTOR:
        metadata["user" if told else "client"] = identity
    event["actor"] = {"id": identity[:LONGEST_ACTOR]}
    if email := email_in(told):
        event["actor"]["email"] = email
