"""The Celery app of workers and beat: ``celery -A tasks.worker worker --queues quick,heavy``."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from celery.exceptions import TimeLimitExceeded
from celery.signals import (
    after_task_publish,
    beat_init,
    heartbeat_sent,
    setup_logging,
    task_failure,
    task_success,
    worker_process_init,
)
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from auditsaas.app import create_app
from auditsaas.extensions import db, settings
from auditsaas.jobs import liveness
from auditsaas.jobs.job_log import TIMETABLE
from auditsaas.jobs.queue import EXTENSION
from config.celery import CONSUMER_TRANSPORT
from config.errors import SettingsError
from tasks import jobs

try:
    flask_app = create_app(statement_timeout_ms=0)
except SettingsError as error:
    sys.exit(str(error))
celery = flask_app.extensions[EXTENSION]
celery.conf.broker_transport_options = CONSUMER_TRANSPORT
celery.set_default()


@setup_logging.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _log_like_the_web(loglevel: int = logging.INFO, **_: Any) -> None:
    """Use the web's log handlers instead of Celery's own."""
    logging.getLogger("celery").setLevel(loglevel)


@worker_process_init.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _forget_inherited_connections(**_: Any) -> None:
    """Forget the parent's connections, which two processes must not share; it keeps them open."""
    with flask_app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)


@heartbeat_sent.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _record_heartbeat(sender: Any, **_: Any) -> None:
    """Record a worker's heartbeat in Redis, so that pages need not ping every worker."""
    try:
        client = sender.eventer.connection.default_channel.client
        liveness.note_worker(client, sender.eventer.hostname, celery.amqp.queues.consume_from)
    except (OperationalError, RedisError, OSError):
        return  # Being silent says it.


@beat_init.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _record_what_beat_sends(**_: Any) -> None:
    """Record in Redis when beat sends a task, which no other process does for it."""

    def record(**_: Any) -> None:
        _record(liveness.note_beat)

    after_task_publish.connect(record, weak=False)  # type: ignore[no-untyped-call]


@task_success.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _record_run(sender: Any, **_: Any) -> None:
    """Record in Redis that a task of the timetable ended well."""
    if sender.name in TIMETABLE:
        _record(lambda server: liveness.note_run(server, sender.name))


def _record(note: Callable[[Redis], None]) -> None:
    try:
        note(_server(os.getpid()))
    except (RedisError, OSError):
        return  # As above.


@lru_cache(maxsize=1)
def _server(_pid: int) -> Redis:
    """Return a connection of this process, which waits for Redis no longer than a task may."""
    return Redis.from_url(settings(flask_app).redis_url, socket_timeout=2, socket_connect_timeout=2)


@task_failure.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _stop_killed_job(sender: Any = None, exception: Any = None, args: Any = (), **_: Any) -> None:
    """Settle a job killed at its hard limit, from the parent process."""
    if isinstance(exception, TimeLimitExceeded):
        with flask_app.app_context():
            jobs.stop(sender.name, *args)
