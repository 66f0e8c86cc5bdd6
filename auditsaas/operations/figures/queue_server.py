"""Redis as operators see it: queues, workers, beat, sweeps, and its own memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis, ResponseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from auditsaas.jobs import liveness
from auditsaas.jobs.backlog import last_sweeps
from auditsaas.jobs.liveness import Liveness
from auditsaas.operations.kinds import KINDS
from config.celery import QUEUES

TIMEOUT_SECONDS = 0.5


@dataclass(frozen=True)
class Memory:
    """The memory of Redis, in bytes; ``most`` is 0 where it has no limit."""

    used: int
    most: int

    @property
    def share(self) -> float:
        """The share in use, from 0 to 1; 0 without a limit."""
        return self.used / self.most if self.most else 0.0


@dataclass(frozen=True, kw_only=True)
class QueueServer:
    """Redis as it was found."""

    depths: Mapping[str, int]
    """Waiting messages by queue."""
    living: Liveness
    swept: Mapping[str, datetime | None]
    """When the jobs of each kind were last swept."""
    memory: Memory | None
    """None where Redis tells it to other accounts only."""


def connection(url: str) -> Redis:
    """Build a connection that waits for Redis no longer than a page may."""
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def read(url: str) -> QueueServer:
    """Read it without waiting for it for long.

    Raises:
        RedisError, OSError: Redis does not answer at once.
    """
    with connection(url) as server:
        return QueueServer(
            depths={queue: int(server.llen(queue)) for queue in QUEUES},
            living=liveness.read(server),
            swept=last_sweeps(server, KINDS),
            memory=_memory(server),
        )


def _memory(server: Redis) -> Memory | None:
    try:
        facts: dict[str, Any] = server.info("memory")
    except ResponseError:
        return None
    return Memory(int(facts["used_memory"]), int(facts.get("maxmemory", 0)))
