"""Limits the requests of a key, counted in Redis for all processes together.

Each process also counts for itself, and goes by that while Redis is away, frozen or full: the limit
is never gone, and no request fails. One request a second then asks Redis again and waits for its
short timeout; the others do not wait.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from time import monotonic, time

from flask import Flask, Response, current_app, g, request
from flask_limiter import Limit, Limiter
from limits import RateLimitItem
from limits.storage import MemoryStorage, Storage
from limits.strategies import STRATEGIES, FixedWindowRateLimiter
from limits.util import WindowStats
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from auditsaas.access import waiting
from auditsaas.accounts.attempts import network_of
from auditsaas.api.access import LOG_CALLS, Rate, call_of, presented_key
from auditsaas.api.blueprint import api, log_tiles
from auditsaas.api.problems import problem
from config.settings import Settings

PER_MINUTE = {Rate.INGEST: 6000, Rate.READ: 3000, Rate.EXPORT: 120}
"""Requests a minute of one key; a batch of 1,000 events is one request."""

REDIS_TIMEOUT_SECONDS = 0.3
REST_SECONDS = 1.0
EXTENSION = "api_limiter"

BY_THE_CLOCK = "by-the-clock"
WINDOW = "rate limit"
"""What of a request is kept for when it is asked again."""


log = logging.getLogger(__name__)


class ClockWindow(FixedWindowRateLimiter):
    """Counts per minute of the clock, in Redis and in the process.

    One increment says all there is to say, where the usual windows ask Redis three times. The
    larger count stands, so a Redis that comes back, or has forgotten all, begins no minute anew.
    """

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._own = MemoryStorage()
        self._ask_again_at = 0.0
        self._asking = threading.Lock()

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        """Count a request, once however often it is asked while its body is on its way."""
        passed = waiting.kept()
        if WINDOW in passed:
            g.api_window = passed[WINDOW]
            return True
        expiry = item.get_expiry()
        number = int(time() // expiry)
        key = item.key_for(*identifiers, str(number))
        used = max(
            self._own.incr(key, expiry, amount=cost), self._used_by_all(key, expiry, cost) or 0
        )
        g.api_window = WindowStats((number + 1) * expiry, max(0, item.amount - used))
        passed[WINDOW] = g.api_window
        return used <= item.amount

    def _used_by_all(self, key: str, expiry: int, cost: int) -> int | None:
        """Count in Redis and return its count; None while it does not answer."""
        if self._ask_again_at == 0:
            return self._incremented(key, expiry, cost)
        if monotonic() < self._ask_again_at or not self._asking.acquire(blocking=False):
            return None
        try:
            return self._incremented(key, expiry, cost)
        finally:
            self._asking.release()

    def _incremented(self, key: str, expiry: int, cost: int) -> int | None:
        try:
            used: int = self.storage.incr(key, expiry, amount=cost)
        except (RedisError, OSError) as error:
            if self._ask_again_at == 0:
                log.warning("Requests are counted in each process, for Redis fails: %s", error)
            self._ask_again_at = monotonic() + REST_SECONDS
            return None
        if self._ask_again_at:
            self._ask_again_at = 0.0
            log.info("Requests are counted in Redis again")
        return used

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        found: WindowStats = g.api_window
        return found


STRATEGIES[BY_THE_CLOCK] = ClockWindow


def install(app: Flask, settings: Settings) -> None:
    limiter = Limiter(
        _bucket,
        default_limits=[
            Limit(_limit, scope=_scope, shared=True, exempt_when=lambda: not _bucket()),
        ],
        storage_uri=settings.redis_url.replace("unix://", "redis+unix://"),
        storage_options={
            "socket_timeout": REDIS_TIMEOUT_SECONDS,  # type: ignore[dict-item]  # seconds, a float
            "socket_connect_timeout": REDIS_TIMEOUT_SECONDS,  # type: ignore[dict-item]
            # redis-py would try again for seconds, and each try would wait for the timeout.
            "retry": Retry(NoBackoff(), 0),  # type: ignore[dict-item]  # handed on to redis-py
        },
        strategy=BY_THE_CLOCK,
        key_prefix="api",
    )
    limiter.init_app(app)
    app.extensions[EXTENSION] = limiter
    app.after_request(_say_what_is_left)


def _bucket() -> str:
    """Return the rate limit's bucket of this request's key, which is itself not stored in Redis.

    A key that is only well-formed counts for itself, so its public part alone does not use up
    another's requests. Where none is needed, its address or network counts. '' where nothing does.
    """
    counted = presented_key() if call_of(request.endpoint) else None
    if counted is None and request.endpoint in LOG_CALLS:
        counted = f"from {network_of(request.remote_addr)}"
    return "" if counted is None else hashlib.sha256(counted.encode()).hexdigest()[:32]


def _limit() -> str:
    call = call_of(request.endpoint)
    return f"{PER_MINUTE[call.rate]} per minute" if call else ""


def _scope(endpoint: str) -> str:
    call = call_of(endpoint)
    return call.rate if call else ""


def _say_what_is_left(response: Response) -> Response:
    limiter: Limiter = current_app.extensions[EXTENSION]
    current = limiter.current_limit if call_of(request.endpoint) else None
    if current is None:
        return response
    reset = max(1, math.ceil(current.window.reset_time - time()))
    response.headers["RateLimit-Limit"] = str(current.limit.amount)
    response.headers["RateLimit-Remaining"] = str(current.remaining)
    response.headers["RateLimit-Reset"] = str(reset)
    if response.status_code == 429:
        response.headers.setdefault("Retry-After", str(reset))
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
