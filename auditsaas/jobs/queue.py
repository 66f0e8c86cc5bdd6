"""Sends tasks to workers: one Celery app per Flask app."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

from celery import Celery, Task, shared_task
from flask import Flask, current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from auditsaas import logs
from auditsaas.jobs import job_log
from auditsaas.jobs.kind import Message
from config.celery import (
    HINT_LIFETIME,
    PUBLISHER_TRANSPORT,
    QUICK,
    SENT_AT,
    SETTINGS,
    SWEEPS_KEY,
)
from config.settings import Settings

EXTENSION = "celery"

AT_ONCE_SECONDS = 0.1

Function = TypeVar("Function", bound=Callable[..., object])

log = logging.getLogger(__name__)


def install(app: Flask, settings: Settings) -> None:
    """Give ``app`` a Celery app whose tasks run inside its application context."""

    class ContextTask(Task):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return job_log.run(self, args, lambda: self.run(*args, **kwargs))  # type: ignore[no-untyped-call]

    celery = Celery(app.name, task_cls=ContextTask, set_as_current=False)  # type: ignore[no-untyped-call]
    celery.conf.update(SETTINGS)
    celery.conf.broker_url = settings.redis_url
    celery.conf.broker_transport_options = PUBLISHER_TRANSPORT
    app.extensions[EXTENSION] = celery


def task(name: str) -> Callable[[Function], Function]:
    """Declare a task of every Celery app; it stays a function that can be called."""
    return cast("Callable[[Function], Function]", shared_task(name=name))  # type: ignore[no-untyped-call]  # Celery ships no types


def send(message: Message) -> bool:
    """Send a message after the commit that it depends on; whether Redis took it."""
    return enqueue(message.task, str(message.row), queue=message.queue)


def enqueue(name: str, *args: str, queue: str = QUICK, after: timedelta = timedelta()) -> bool:
    """Send a task by name after the commit that it depends on; whether Redis took it.

    A worker that takes it begins no sooner than ``after``.

    A task is a hint that a row is waiting. One that is lost is sent again by the sweeper, so a
    broker that is down or frozen is only logged, after less than a second.
    """
    began = time.monotonic()
    failure = _failure_to_send(name, args, queue, after)
    if failure is not None and time.monotonic() - began < AT_ONCE_SECONDS:
        # A connection kept from before Redis was restarted fails at once; a new one may not.
        failure = _failure_to_send(name, args, queue, after)
    if failure is not None:
        log.warning("Could not send %s to Redis: %s", name, failure)
    return failure is None


def _failure_to_send(
    name: str, args: tuple[str, ...], queue: str, after: timedelta
) -> Exception | None:
    try:
        _celery().send_task(
            name,
            args=args,
            queue=queue,
            countdown=after.total_seconds() or None,
            expires=(after + HINT_LIFETIME).total_seconds(),
            retry=False,
            headers={"request_id": logs.bound().get("request_id"), SENT_AT: time.time()},
        )
    except (OperationalError, RedisError, OSError) as error:
        return error
    return None


def first_within(key: str, period: timedelta) -> bool:
    """Tell whether ``key`` comes for the first time in ``period``; forgotten with the queue.

    Raises:
        OperationalError, RedisError, OSError: Redis does not answer.
    """
    with _celery().connection_for_write() as connection:
        client = connection.default_channel.client
        return bool(
            client.set(f"auditsaas:{key}", 1, nx=True, px=period // timedelta(milliseconds=1))
        )


def note_sweep(kind: str, now: float) -> None:
    """Keep for operators when the jobs of a kind were last looked for."""
    with _celery().connection_for_write() as connection:
        connection.default_channel.client.hset(SWEEPS_KEY, kind, now)


def _celery() -> Any:
    return current_app.extensions[EXTENSION]
