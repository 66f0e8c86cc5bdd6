"""Counts uses in the process, and settles them by the second with Redis, for all processes.

A process asks Redis for a counter when it meets it, and once a second while it is used; what is
counted between is added to what Redis said last. Once nine tenths of a limit are used, each use
asks. So a limit is passed by no more than what other processes counted within a second. While Redis
is away, frozen or full a process goes by its own count, and asks again once a second; the larger
count stands, so a Redis that comes back, or has forgotten all, begins no window anew.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

TIMEOUT_SECONDS = 0.3
REST_SECONDS = 1.0
SETTLED_SECONDS: Final = 1.0
NEAR: Final = 0.9
"""How much of a limit may be used before each use is counted in Redis."""

log = logging.getLogger(__name__)


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
class _Count:
    """The use of one counter in one window."""

    ends: float
    own: int = 0
    """By this process."""
    shared: int = 0
    """By all, as Redis said last."""
    unsaid: int = 0
    """By this process since."""
    settled_at: float = float("-inf")

    @property
    def used(self) -> int:
        return max(self.own, self.shared + self.unsaid)


@dataclass
class Meter:
    """The counters of one process, and those of all."""

    server: Redis
    _counts: dict[str, _Count] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _ask_again_at: float = 0.0
    _swept_at: int = 1_000
    """So many counters are kept before those of past windows are dropped."""

    @classmethod
    def at(cls, url: str) -> Meter:
        waits = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
        return cls(Redis.from_url(url, retry=Retry(NoBackoff(), 0), **waits))

    def add(
        self,
        name: str,
        amount: int,
        window: Window,
        *,
        most: int | None = None,
        now: float | None = None,
    ) -> int:
        """Add to a counter, less where ``amount`` is below 0; how much is used in the window.

        ``most`` is the limit that it is counted for; without one Redis is asked each time.
        """
        key = f"quota:{name}:{window.number(time() if now is None else now)}"
        with self._lock:
            count = self._counts.get(key) or self._opened(key, window)
            count.own += amount
            count.unsaid += amount
            near = most is None or count.used > most * NEAR
            if not near and monotonic() - count.settled_at < SETTLED_SECONDS:
                return count.used
            count.settled_at = monotonic()
        if self._ask_again_at == 0.0:
            self._settle(key, count, window)
        elif monotonic() >= self._ask_again_at and self._asking.acquire(blocking=False):
            # Others go by their own counts until this one was answered.
            try:
                self._settle(key, count, window)
            finally:
                self._asking.release()
        return count.used

    def used(self, name: str, window: Window) -> int:
        """Return how much is used in the window, as Redis has it."""
        return self.add(name, 0, window)

    def _opened(self, key: str, window: Window) -> _Count:
        """Begin a counter; drop those of windows that are over, once there are many."""
        now = monotonic()
        if len(self._counts) >= self._swept_at:
            self._counts = {name: kept for name, kept in self._counts.items() if kept.ends > now}
            self._swept_at = max(1_000, 2 * len(self._counts))
        count = self._counts[key] = _Count(now + window.seconds)
        return count

    def _settle(self, key: str, count: _Count, window: Window) -> None:
        """Tell Redis what it was not told yet of a counter, and learn what all have used."""
        with self._lock:
            said, count.unsaid = count.unsaid, 0
        try:
            shared = self._shared(key, said, window)
        except (RedisError, OSError) as error:
            with self._lock:
                count.unsaid += said
            if self._ask_again_at == 0.0:
                log.warning("Uses are counted in each process, for Redis fails: %s", error)
            self._ask_again_at = monotonic() + REST_SECONDS
            return
        count.shared = shared
        if self._ask_again_at:
            self._ask_again_at = 0.0
            log.info("Uses are counted in Redis again")

    def _shared(self, key: str, amount: int, window: Window) -> int:
        with self.server.pipeline(transaction=False) as batch:
            batch.incrby(key, amount)
            batch.expire(key, window.seconds)
            used: int = batch.execute()[0]
        return used
