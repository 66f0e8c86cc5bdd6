"""Background work on jobs: do one, send those that wait again, end those that were killed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from celery import current_task
from celery.exceptions import SoftTimeLimitExceeded

from auditsaas.events.importers.budget import Budget
from auditsaas.evidence.checking.kind import CHECKS
from auditsaas.evidence.checking.run import check_job
from auditsaas.exports.building.build import export_job
from auditsaas.exports.building.opening import InstallationOptions
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.limits import row_limits
from auditsaas.extensions import settings
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.run import import_job
from auditsaas.jobs import runner, sweeper, turns
from auditsaas.jobs.queue import enqueue, send, task
from auditsaas.jobs.runner import Job
from auditsaas.mail.outbox import MAILS
from auditsaas.notifications.delivery import mail_job
from auditsaas.operations.kinds import KINDS
from auditsaas.storage.address import storage_at
from config.celery import ASKED_AGAIN_AFTER
from tasks.places import Held, places

Function = TypeVar("Function", bound=Callable[..., object])

LIMITS = (SoftTimeLimitExceeded,)

_places: list[Held] = []


def share_processes(processes: int, queues: Collection[str]) -> None:
    """Keep some processes of this worker free of long jobs; called before it starts them."""
    _places[:] = [Held(places(processes, queues))]


def held_place(queue: str) -> AbstractContextManager[bool]:
    """Hold a place for a job of a queue; True where this is no worker."""
    return _places[0].one(queue) if _places else nullcontext(True)


def current_queue() -> str:
    """Return the queue that the task under way came from; '' where it is called as a function."""
    told = current_task.request.delivery_info if current_task else None
    return (told or {}).get("routing_key") or ""


def long_task(name: str) -> Callable[[Function], Function]:
    """Declare a task of a queue of long ones: where no process may do it, it comes again soon."""

    def declare(function: Function) -> Function:
        @wraps(function)
        def in_a_place(*args: Any) -> Any:
            queue = current_queue()
            with held_place(queue) as is_free:
                if is_free:
                    return function(*args)
            return enqueue(name, *args, queue=queue, after=ASKED_AGAIN_AFTER)

        return task(name)(cast("Function", in_a_place))

    return declare


def _export_job() -> Job[Any, Any]:
    made = settings()
    options = InstallationOptions(brand=made.brand_name, row_limits=row_limits(made.pdf_rows))
    return export_job(storage_at(made.storage_url), options)


def _import_job() -> Job[Any, Any]:
    made = settings()
    budget = Budget(most_mib=made.import_max_mib, seconds_per_mib=made.import_seconds_per_mib)
    return import_job(storage_at(made.storage_url), budget)


def _mail_job() -> Job[Any, Any]:
    return mail_job(settings())


def _check_job() -> Job[Any, Any]:
    return check_job(settings().brand_name)


JOBS: dict[str, Callable[[], Job[Any, Any]]] = {
    EXPORTS.task: _export_job,
    IMPORTS.task: _import_job,
    MAILS.task: _mail_job,
    CHECKS.task: _check_job,
}
"""The job of each task, made from the settings."""


def stop(name: str, identity: str) -> None:
    """Settle a job whose process was killed at its hard time limit."""
    message = runner.stop(JOBS[name](), UUID(identity)) if name in JOBS else None
    if message is not None:
        send(message)


@task(EXPORTS.task)
def build_export(identity: str) -> None:
    _do(_export_job(), identity)


@task(IMPORTS.task)
def run_import(identity: str) -> None:
    _do(_import_job(), identity)


@task(MAILS.task)
def send_mail(identity: str) -> None:
    _do(_mail_job(), identity)


@task(CHECKS.task)
def run_check(identity: str) -> None:
    _do(_check_job(), identity)


def _do(job: Job[Any, Any], identity: str) -> None:
    """Do a job, and send what comes after it; a long one only where a process may do it."""
    queue = current_queue()
    with held_place(queue) as is_free:
        if is_free:
            runner.run(job, UUID(identity), limits=LIMITS)
    if is_free:
        turns.send_next(job.kind, UUID(identity))
    else:
        enqueue(job.kind.task, identity, queue=queue, after=ASKED_AGAIN_AFTER)


@task("jobs.sweep")
def sweep_jobs() -> int:
    """Send every waiting job again, once a minute each; how many were sent."""
    return sweeper.sweep(KINDS)
