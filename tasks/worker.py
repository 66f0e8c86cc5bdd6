"""The Celery app of workers: ``celery --app tasks.worker worker --queues quick,heavy``."""

from __future__ import annotations

import gc
import logging
import time
from typing import Any

from celery.exceptions import TimeLimitExceeded
from celery.signals import (
    celeryd_after_setup,
    heartbeat_sent,
    task_failure,
    task_prerun,
    task_success,
    worker_process_init,
    worker_ready,
    worker_shutdown,
)
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from auditsaas import logs

with logs.starting():
    from auditsaas.extensions import db
    from auditsaas.jobs import liveness, past_day
    from auditsaas.jobs.job_log import TIMETABLE
    from auditsaas.jobs.queue import EXTENSION
    from auditsaas.jobs.worker_app import create_worker_app
    from auditsaas.tracing.choice import trace_if_wanted
    from auditsaas.version import version
    from config.celery import CONSUMER_TRANSPORT, HEAVY, IMPORTS, SENT_AT
    from tasks import jobs, process

    flask_app = create_worker_app()
    trace_if_wanted(flask_app, version=version())

celery = flask_app.extensions[EXTENSION]
celery.conf.broker_transport_options = CONSUMER_TRANSPORT
celery.set_default()

log = logging.getLogger(__name__)


@celeryd_after_setup.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _share_memory(**_: Any) -> None:
    """Freeze what is loaded before children are forked, so that collecting does not copy it."""
    gc.collect()
    gc.freeze()


@celeryd_after_setup.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _share_processes(instance: Any, **_: Any) -> None:
    """Let a worker of heavy exports take imports, too, and keep processes free of long jobs."""
    queues = instance.app.amqp.queues
    if HEAVY in queues.consume_from and IMPORTS not in queues.consume_from:
        queues.select_add(IMPORTS)
    jobs.share_processes(instance.concurrency, set(queues.consume_from))


@worker_process_init.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _forget_inherited_connections(**_: Any) -> None:
    """Forget the parent's connections, which two processes must not share; it keeps them open."""
    with flask_app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=False)


@worker_ready.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _say_that_it_runs(sender: Any, **_: Any) -> None:
    queues = ", ".join(sorted(celery.amqp.queues.consume_from))
    log.info("Worker %s runs: queues %s, AuditSaaS %s", sender.hostname, queues, version())


@worker_shutdown.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _say_that_it_ends(sender: Any, **_: Any) -> None:
    log.info("Worker %s ends", sender.hostname)


@heartbeat_sent.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _record_heartbeat(sender: Any, **_: Any) -> None:
    """Record a worker's heartbeat in Redis, so that pages need not ping every worker."""
    try:
        client = sender.eventer.connection.default_channel.client
        liveness.note_worker(client, sender.eventer.hostname, celery.amqp.queues.consume_from)
    except (OperationalError, RedisError, OSError):
        return  # Being silent says it.


@task_prerun.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _record_wait(task: Any, **_: Any) -> None:
    """Record in Redis how long a message waited in its queue, unless it was to come later."""
    told, sent = task.request.delivery_info, task.request.get(SENT_AT)
    if not told or sent is None or task.request.eta:
        return
    waited = time.time() - float(sent)
    process.record(
        celery.conf.broker_url,
        lambda server: past_day.note_wait(server, told["routing_key"], waited),
    )


@task_success.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _record_run(sender: Any, **_: Any) -> None:
    """Record in Redis that a task of the timetable ended well."""
    if sender.name in TIMETABLE:
        process.record(
            celery.conf.broker_url, lambda server: liveness.note_run(server, sender.name)
        )


@task_failure.connect(weak=False)  # type: ignore[no-untyped-call,untyped-decorator]  # Celery ships no types
def _stop_killed_job(sender: Any = None, exception: Any = None, args: Any = (), **_: Any) -> None:
    """Settle a job killed at its hard limit, from the parent process."""
    if isinstance(exception, TimeLimitExceeded):
        with flask_app.app_context():
            jobs.stop(sender.name, *args)
