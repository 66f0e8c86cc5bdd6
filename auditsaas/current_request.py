"""The current web request's facts as plain values."""

from __future__ import annotations

import re
import time
from urllib.parse import quote, urlsplit

from flask import g, request

from auditsaas import logs
from auditsaas.db.ids import new_id
from auditsaas.own_actions import RequestFacts
from auditsaas.text import normal_address

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def begin() -> None:
    """Note when the request began and what it is called; a sane id of the caller's is kept."""
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else str(new_id())
    logs.bind(request_id=g.request_id)


def request_id() -> str:
    if "request_id" not in g:
        begin()
    return str(g.request_id)


def facts() -> RequestFacts:
    """Return the facts of this request that an event records."""
    identifier = request_id()
    return RequestFacts(
        method=request.method,
        path=request.path,
        ip=normal_address(request.remote_addr or ""),
        user_agent=request.headers.get("User-Agent"),
        request_id=identifier,
        started=g.started,
    )


def unavailable(reason: str) -> None:
    """Note for the figures why this request is answered with 503."""
    g.unavailable = reason


def is_partial() -> bool:
    """Tell whether htmx asks for a fragment; boosted and history requests say ``full``."""
    return request.headers.get("HX-Request-Type") == "partial"


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def is_next_page() -> bool:
    """Tell whether htmx asks for the next address of its page: the same page, filtered anew."""
    named = request.headers.get("HX-Target", "").endswith("#results")
    here = urlsplit(request.headers.get("HX-Current-URL", "")).path
    return request.method == "GET" and (named or request.path == here)


def is_api() -> bool:
    """Tell whether a program asks, by a key or without, and no browser's session counts."""
    return request.path.startswith(("/api/", "/log/", "/witness/"))


def own_address() -> str:
    """Return path and query of this request, as a browser would write them."""
    query = request.query_string.decode("ascii", "ignore")
    return quote(request.path) + (f"?{query}" if query else "")


def page_of_origin() -> str | None:
    """Return path and query of the product's page that sent this request, by its headers."""
    sent = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if sent.netloc != request.host:
        return None
    return sent.path + (f"?{sent.query}" if sent.query else "")
