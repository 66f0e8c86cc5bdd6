"""Limits the requests of a key a minute of the clock, for all processes together (``Meter``).

The limit is never gone, and no request fails, while Redis is away, frozen or full.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from time import time

from flask import Flask, Response, abort, g, request

from auditsaas.access import waiting
from auditsaas.accounts.attempts import network_of
from auditsaas.api.access import LOG_CALLS, Rate, call_of, presented_key
from auditsaas.api.blueprint import api, log_tiles
from auditsaas.api.problems import problem
from auditsaas.quotas import current
from auditsaas.quotas.known import MINUTE

PER_MINUTE = {Rate.INGEST: 6000, Rate.READ: 3000, Rate.EXPORT: 120}
"""Requests a minute of one key; a batch of 1,000 events is one request."""

WINDOW = "rate limit"
"""What of a request is kept for when it is asked again."""


@dataclass(frozen=True)
class Left:
    """The requests that are left of a minute."""

    most: int
    used: int
    seconds: int
    """Until the next minute begins."""


def install(app: Flask) -> None:
    app.before_request(_count)
    app.after_request(_say_what_is_left)


def _count() -> None:
    """Count a request, once however often it is asked while its body is on its way.

    Raises:
        TooManyRequests: its key, or its address, has sent as many as it may.
    """
    call, bucket = call_of(request.endpoint), _bucket()
    if call is None or bucket is None:
        return
    passed = waiting.kept()
    if WINDOW not in passed:
        now, most = time(), PER_MINUTE[call.rate]
        # A limit that is changed counts anew, as one that another version has.
        name = f"requests:{call.rate}:{most}:{bucket}"
        used = current.meter().add(name, 1, MINUTE, most=most, now=now)
        passed[WINDOW] = Left(most, used, MINUTE.left(now))
    left: Left = passed[WINDOW]
    g.requests_left = left
    if left.used > left.most:
        abort(429)


def _bucket() -> str | None:
    """Return the rate limit's bucket of this request's key, which is itself not stored in Redis.

    A key that is only well-formed counts for itself, so its public part alone does not use up
    another's requests. Where none is needed, its address or network counts. None where nothing
    does.
    """
    counted = presented_key()
    if counted is None and request.endpoint in LOG_CALLS:
        counted = f"from {network_of(request.remote_addr)}"
    return None if counted is None else hashlib.sha256(counted.encode()).hexdigest()[:32]


def _say_what_is_left(response: Response) -> Response:
    left: Left | None = g.get("requests_left")
    if left is None:
        return response
    response.headers["RateLimit-Limit"] = str(left.most)
    response.headers["RateLimit-Remaining"] = str(max(0, left.most - left.used))
    response.headers["RateLimit-Reset"] = str(left.seconds)
    if response.status_code == 429:
        response.headers.setdefault("Retry-After", str(left.seconds))
    return response


@api.errorhandler(429)
@log_tiles.errorhandler(429)
def _too_many(_: Exception) -> Response:
    call = call_of(request.endpoint)
    who = "key" if presented_key() else "address"
    return problem(
        429,
        "Too many requests",
        f"This {who} may send {PER_MINUTE[call.rate] if call else 0:,} such requests a minute."
        " Wait as many seconds as Retry-After says.",
    )
