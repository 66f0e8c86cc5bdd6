"""The Celery app of workers and beat: ``celery -A tasks.worker worker --queues quick,heavy``."""

from __future__ import annotations

import logging
import sys
from typing import Any

from celery.exceptions import TimeLimitExceeded
from celery.signals import heartbeat_sent, setup_logging, task_failure, worker_process_init
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from auditsaas.app import create_app
from auditsaas.extensions import db
from auditsaas.jobs.queue import EXTENSION
from config.celery import ALIVE_FOR, CONSUMER_TRANSPORT, WORKERS_KEY
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
        now = client.time()[0]
        client.zadd(WORKERS_KEY, {sender.eventer.hostname: now})
        client.zremrangebyscore(WORKERS_KEY, 0, now - ALIVE_FOR.total_seconds())
    except (OperationalError, RedisError, OSError):
        return  # Being silent says it.


@task_failure.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _stop_killed_job(sender: Any = None, exception: Any = None, args: Any = (), **_: Any) -> None:
    """Settle a job killed at its hard limit, from the parent process."""
    if isinstance(exception, TimeLimitExceeded):
        with flask_app.app_context():
            jobs.stop(sender.name, *args)
