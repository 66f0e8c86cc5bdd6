"""Keeps in Redis, for a day, how long messages waited in each queue and what logs have stored.

Two small keys for each hour, which expire, and a list of the last minutes: what was not noted, or
was lost with Redis, is unknown. Hours are those of UTC.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from redis import Redis

from config.celery import HOURS_KEY, QUEUES

HOURS: Final = 24
HOUR: Final = timedelta(hours=1)
KEPT: Final = timedelta(hours=HOURS + 2)
SHORTEST: Final = 0.001
MINUTES: Final = 10
"""The minutes over which the present pace is measured."""
STALE: Final = timedelta(minutes=3)
"""A pace whose newest note is older is unknown."""

_MINUTES_KEY: Final = f"{HOURS_KEY}:minutes"


@dataclass(frozen=True, kw_only=True)
class PastDay:
    """The notes of the last hours, the oldest first; None where it is unknown."""

    hours: Sequence[datetime]
    """Their beginnings; the last one is under way."""
    waits: Mapping[str, Sequence[float | None]]
    """The longest wait of a message by queue, in seconds; 0 where no message came."""
    stored: Sequence[int | None]
    """Events that all logs took."""
    per_minute: float | None
    """Events a minute, over the last minutes."""


def note_wait(server: Redis, queue: str, seconds: float) -> None:
    """Keep that a message of a queue waited so long, where that is the longest of its hour."""
    key = _key(_hour_of(time.time()), "waits")
    with server.pipeline(transaction=False) as batch:
        batch.zadd(key, {queue: round(max(seconds, SHORTEST), 3)}, gt=True)
        batch.expire(key, KEPT)
        batch.execute()


def note_stored(server: Redis, total: int) -> None:
    """Keep how many events all logs have ever stored."""
    now = time.time()
    with server.pipeline(transaction=False) as batch:
        batch.set(_key(_hour_of(now), "stored"), total, ex=KEPT)
        batch.lpush(_MINUTES_KEY, f"{now:.0f} {total}")
        batch.ltrim(_MINUTES_KEY, 0, MINUTES)
        batch.expire(_MINUTES_KEY, KEPT)
        batch.execute()


def hours_until(now: datetime) -> list[datetime]:
    """Return the beginnings of the last 24 hours; the last one holds ``now``."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [last - HOUR * back for back in reversed(range(HOURS))]


def read(server: Redis, now: datetime) -> PastDay:
    """Read what was noted, in one exchange.

    Raises:
        RedisError, OSError: Redis does not answer.
    """
    hours = hours_until(now)
    numbers = [_hour_of(hour.timestamp()) for hour in hours]
    with server.pipeline(transaction=False) as batch:
        for number in numbers:
            batch.zrange(_key(number, "waits"), 0, -1, withscores=True)
        for number in (numbers[0] - 1, *numbers):
            batch.get(_key(number, "stored"))
        batch.lrange(_MINUTES_KEY, 0, -1)
        *found, minutes = batch.execute()
    waits = [{name.decode(): float(wait) for name, wait in each} for each in found[:HOURS]]
    totals = [None if total is None else int(total) for total in found[HOURS:]]
    return PastDay(
        hours=hours,
        waits={queue: [_wait(hour, queue) for hour in waits] for queue in QUEUES},
        stored=[_grown(*pair) for pair in pairwise(totals)],
        per_minute=_pace(minutes, now),
    )


def nothing(now: datetime) -> PastDay:
    """Return a day of which nothing is known."""
    unknown = [None] * HOURS
    return PastDay(
        hours=hours_until(now),
        waits=dict.fromkeys(QUEUES, unknown),
        stored=unknown,
        per_minute=None,
    )


def _grown(before: int | None, after: int | None) -> int | None:
    """Return the difference; a sum falls where a workspace went, and then tells nothing."""
    return after - before if before is not None and after is not None and after >= before else None


def _wait(hour: Mapping[str, float], queue: str) -> float | None:
    """Return an hour's longest wait; some queue has messages in each hour that was noted."""
    return hour.get(queue, 0.0) if hour else None


def _pace(minutes: Sequence[bytes], now: datetime) -> float | None:
    noted = [tuple(map(int, each.split())) for each in minutes]
    if len(noted) < 2 or now.timestamp() - noted[0][0] > STALE.total_seconds():
        return None
    (last, after), (first, before) = noted[0], noted[-1]
    grown = _grown(before, after)
    return None if grown is None or last <= first else grown * 60 / (last - first)


def _key(hour: int, what: str) -> str:
    return f"{HOURS_KEY}:{hour}:{what}"


def _hour_of(seconds: Any) -> int:
    return int(seconds // HOUR.total_seconds())
