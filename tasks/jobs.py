"""Background work on jobs: do one, send those that wait again, end those that were killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded

from auditsaas.exports.building.build import InstallationOptions, export_job
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.limits import row_limits
from auditsaas.extensions import settings
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.run import import_job
from auditsaas.jobs import runner, sweeper
from auditsaas.jobs.queue import send, task
from auditsaas.jobs.runner import Job
from auditsaas.mail.outbox import MAILS
from auditsaas.notifications.delivery import mail_job
from auditsaas.operations.kinds import KINDS
from auditsaas.storage.address import storage_at

LIMITS = (SoftTimeLimitExceeded,)


def _export_job() -> Job[Any, Any]:
    made = settings()
    options = InstallationOptions(brand=made.brand_name, row_limits=row_limits(made.pdf_rows))
    return export_job(storage_at(made.storage_url), options)


def _import_job() -> Job[Any, Any]:
    return import_job(storage_at(settings().storage_url))


def _mail_job() -> Job[Any, Any]:
    return mail_job(settings())


JOBS: dict[str, Callable[[], Job[Any, Any]]] = {
    EXPORTS.task: _export_job,
    IMPORTS.task: _import_job,
    MAILS.task: _mail_job,
}
"""The job of each task, made from the settings."""


def stop(name: str, identity: str) -> None:
    """Settle a job whose process was killed at its hard time limit."""
    message = runner.stop(JOBS[name](), UUID(identity)) if name in JOBS else None
    if message is not None:
        send(message)


@task(EXPORTS.task)
def build_export(identity: str) -> None:
    runner.run(_export_job(), UUID(identity), limits=LIMITS)


@task(IMPORTS.task)
def run_import(identity: str) -> None:
    runner.run(_import_job(), UUID(identity), limits=LIMITS)


@task(MAILS.task)
def send_mail(identity: str) -> None:
    runner.run(_mail_job(), UUID(identity), limits=LIMITS)


@task("jobs.sweep")
def sweep_jobs() -> int:
    """Send every waiting job again, once a minute each; how many were sent."""
    return sweeper.sweep(KINDS)
