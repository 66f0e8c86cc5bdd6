"""Shared set-up of workers and beat: the log's form, and heartbeats in Redis."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from celery.signals import after_task_publish, beat_init, setup_logging
from redis import Redis
from redis.exceptions import RedisError

from auditsaas.jobs import liveness
from auditsaas.version import version

log = logging.getLogger(__name__)


@setup_logging.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _log_like_the_web(loglevel: int = logging.INFO, **_: Any) -> None:
    """Use the web's log handlers instead of Celery's own."""
    logging.getLogger("celery").setLevel(loglevel)


@beat_init.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _begin_beat(sender: Any, **_: Any) -> None:
    """Record in Redis when beat sends a task, which no other process does for it."""
    url = sender.app.conf.broker_url

    name = f"{socket.gethostname()}:{os.getpid()}"

    def note(**_: Any) -> None:
        record(url, lambda server: liveness.note_beat(server, name))

    after_task_publish.connect(note, weak=False)  # type: ignore[no-untyped-call]
    entries = len(sender.app.conf.beat_schedule)
    log.info("Beat runs: %d entries, AuditSaaS %s", entries, version())


def record(url: str, note: Callable[[Redis], None]) -> None:
    """Keep in Redis that something was heard of; being silent says that Redis is away."""
    try:
        note(_server(url, os.getpid()))
    except (RedisError, OSError):
        return


@lru_cache(maxsize=1)
def _server(url: str, _pid: int) -> Redis:
    """Return a connection of this process, which waits for Redis no longer than a task may."""
    return Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
