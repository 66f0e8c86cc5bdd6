"""What can go wrong with an installation, each as one function that does it once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psycopg
import redis

from bench.faults.hurried import HARD_LIMIT
from bench.faults.installation import WORKERS, Installation

PAUSE = threading.Event()
"""Never set; waiting for it is a pause."""

BUILDING_SECONDS = 10.0
"""How long to wait for a build to strike at."""


class Harm:
    """Harms one installation; ``heal`` ends everything that is still going on."""

    def __init__(self, made: Installation, chance: random.Random) -> None:
        self._made = made
        self._chance = chance
        self.postgres_stops = 0
        """How often PostgreSQL was stopped: whether it was meanwhile, and not only is now."""
        self.postgres_away = False

    def kill_workers(self) -> None:
        """A machine that goes away: a worker and its children at once, kill -9."""
        building = self._building()
        name = building[0] if building else self._chance.choice([*WORKERS])
        self._made.kill(name)
        self._made.start(name)

    def kill_child(self) -> None:
        """What the kernel does that runs out of memory."""
        building = self._building()
        if building:
            _signal(building[1], signal.SIGKILL)

    def freeze_child(self) -> None:
        """A build that no longer does anything, until its hard limit ends it."""
        building = self._building()
        if building:
            _signal(building[1], signal.SIGSTOP)
            deadline = time.monotonic() + HARD_LIMIT.total_seconds() + 1
            while time.monotonic() < deadline and Path(f"/proc/{building[1]}").exists():
                PAUSE.wait(0.1)
            _signal(building[1], signal.SIGCONT)

    def flush_redis(self) -> None:
        with suppress(redis.RedisError), redis.Redis.from_url(self._made.settings.redis_url) as r:
            r.flushall()

    def kill_redis(self) -> None:
        pid = self._made.redis_pid()
        if pid is not None:
            _signal(pid, signal.SIGKILL)
        PAUSE.wait(self._chance.uniform(0, 3))
        self._made.start_redis()

    def freeze_redis(self) -> None:
        pid = self._made.redis_pid()
        if pid is not None:
            _signal(pid, signal.SIGSTOP)
            PAUSE.wait(self._chance.uniform(1, 4))
            _signal(pid, signal.SIGCONT)

    def end_backends(self) -> None:
        """A failover: up to three connections end, those first that are busy."""
        with suppress(psycopg.Error), self._made.superuser() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
                " WHERE application_name = 'auditsaas'"
                " ORDER BY state = 'idle', random() LIMIT 3) AS chosen"
            )

    def stop_postgres(self) -> None:
        self.postgres_stops += 1
        self.postgres_away = True
        self._made.stop_postgres_at_once()
        PAUSE.wait(self._chance.uniform(0, 2))
        self._made.start_postgres()
        self.postgres_away = False

    def fill_disk(self) -> None:
        with suppress(psycopg.Error), self._made.superuser() as connection:
            waiting = connection.execute(
                "SELECT 'exports/' || id || '/' || fence + 1 || '.' || format ||"
                " CASE WHEN gzip THEN '.gz' ELSE '' END FROM exports WHERE state = 'queued'"
            ).fetchall()
            self._made.disk.becomes_full(str(key) for (key,) in waiting)
            PAUSE.wait(self._chance.uniform(1, 3))
        self._made.disk.has_room_again()

    def heal(self) -> None:
        self._made.start_redis()
        self._made.start_postgres()
        self._made.disk.has_room_again()

    def _building(self) -> tuple[str, int] | None:
        """A worker and its child that is building, as soon as there is one."""
        deadline = time.monotonic() + BUILDING_SECONDS
        while time.monotonic() < deadline:
            found = self._made.building()
            if found:
                return self._chance.choice(found)
            PAUSE.wait(0.01)
        return None


Fault = Callable[[Harm], None]

FAULTS: Final[dict[str, Fault]] = {
    "worker group kill -9": Harm.kill_workers,
    "child kill -9": Harm.kill_child,
    "hard limit": Harm.freeze_child,
    "Redis FLUSHALL": Harm.flush_redis,
    "Redis kill -9": Harm.kill_redis,
    "Redis frozen": Harm.freeze_redis,
    "backends terminated": Harm.end_backends,
    "PostgreSQL stopped": Harm.stop_postgres,
    "disk full": Harm.fill_disk,
}


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
