"""Counts what each workspace, person and key uses, in Redis for all processes together.

Each process also counts for itself, and goes by that while Redis is away, frozen or full, as the
limits of the API do; the larger count stands. After a failure Redis is asked again once a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic, time

from limits.storage import MemoryStorage
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

TIMEOUT_SECONDS = 0.3
REST_SECONDS = 1.0


@dataclass(frozen=True)
class Window:
    """A period of the clock; the next one begins with nothing used."""

    seconds: int

    def number(self, now: float) -> int:
        return int(now // self.seconds)

    def left(self, now: float) -> int:
        """Return the seconds until the next one begins, 1 at least."""
        return max(1, int((self.number(now) + 1) * self.seconds - now))


@dataclass
class Meter:
    """The counters of one process, and those of all."""

    server: Redis
    _own: MemoryStorage = field(default_factory=MemoryStorage)
    _ask_again_at: float = 0.0

    @classmethod
    def at(cls, url: str) -> Meter:
        waits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        return cls(Redis.from_url(url, retry=Retry(NoBackoff(), 0), **waits))

    def add(self, name: str, amount: int, window: Window) -> int:
        """Add to a counter, less where ``amount`` is below 0; how much is used in the window."""
        key = f"quota:{name}:{window.number(time())}"
        own = self._own.incr(key, window.seconds, amount=amount)
        if monotonic() < self._ask_again_at:
            return own
        if self._ask_again_at:
            # Others go by their own counts until this one was answered.
            self._ask_again_at = monotonic() + REST_SECONDS
        try:
            used = max(own, self._shared(key, amount, window))
        except (RedisError, OSError):
            self._ask_again_at = monotonic() + REST_SECONDS
            return own
        self._ask_again_at = 0.0
        return used

    def _shared(self, key: str, amount: int, window: Window) -> int:
        with self.server.pipeline(transaction=False) as batch:
            batch.incrby(key, amount)
            batch.expire(key, window.seconds)
            used: int = batch.execute()[0]
        return used

    def used(self, name: str, window: Window) -> int:
        """Return how much is used in the window."""
        return self.add(name, 0, window)
