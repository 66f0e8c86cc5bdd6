"""Keeps in Redis when workers, beat and each task of the timetable were last heard of.

All times are of Redis's own clock, so they compare whatever the machines' clocks say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis

from config.celery import ALIVE_FOR, BEAT_KEY, QUEUES, RUNS_KEY, WORKERS_KEY

_BEATS = f"{BEAT_KEY}:each"


@dataclass(frozen=True, kw_only=True)
class Liveness:
    """The processes that were heard of, as of ``now``."""

    now: datetime
    alive: int
    """Workers of any queue."""
    workers: Mapping[str, int]
    """Live workers by queue; one may take several queues."""
    beat: datetime | None
    """When beat last sent a task; None where that is not known."""
    beats: int
    """How many processes did so lately; one is enough."""
    runs: Mapping[str, datetime]
    """When each task of the timetable last ended well."""


def note_worker(server: Redis, hostname: str, queues: Iterable[str]) -> None:
    """Keep that a worker of these queues is alive, and forget those that have fallen silent."""
    now = _now(server)
    with server.pipeline(transaction=False) as batch:
        for key in (WORKERS_KEY, *map(_key_of, queues)):
            batch.zadd(key, {hostname: now})
            batch.zremrangebyscore(key, 0, now - ALIVE_FOR.total_seconds())
        batch.execute()


def note_beat(server: Redis, name: str = "beat") -> None:
    """Keep that beat has sent a task, and by its name, which of several that was."""
    now = _now(server)
    with server.pipeline(transaction=False) as batch:
        batch.set(BEAT_KEY, now)
        batch.zadd(_BEATS, {name: now})
        batch.zremrangebyscore(_BEATS, 0, now - ALIVE_FOR.total_seconds())
        batch.execute()


def note_run(server: Redis, task: str) -> None:
    """Keep that a task of the timetable has ended well."""
    server.hset(RUNS_KEY, task, str(_now(server)))


def read(server: Redis) -> Liveness:
    """Read who was heard of.

    Raises:
        RedisError, OSError: Redis does not answer.
    """
    now = _now(server)
    since = now - ALIVE_FOR.total_seconds()
    with server.pipeline(transaction=False) as batch:
        for key in (WORKERS_KEY, *map(_key_of, QUEUES)):
            batch.zcount(key, since, "+inf")
        batch.get(BEAT_KEY)
        batch.zcount(_BEATS, since, "+inf")
        batch.hgetall(RUNS_KEY)
        alive, *workers, beat, beats, runs = batch.execute()
    return Liveness(
        now=_moment(now),
        alive=alive,
        workers=dict(zip(QUEUES, workers, strict=True)),
        beat=None if beat is None else _moment(beat),
        beats=beats,
        runs={name.decode(): _moment(at) for name, at in runs.items()},
    )


def _key_of(queue: str) -> str:
    return f"{WORKERS_KEY}:{queue}"


def _now(server: Redis) -> float:
    seconds, microseconds = server.time()
    return float(seconds) + microseconds / 1_000_000


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
