"""Background work on imports: load one file, find those that wait."""

from __future__ import annotations

import logging
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from flask import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from auditsaas.db.tenancy import platform_session
from auditsaas.imports import lease
from auditsaas.imports.run import run
from auditsaas.jobs.queue import first_within, send, task
from auditsaas.storage.address import storage_at
from config.celery import HINT_LIFETIME, IMPORT_SOFT_LIMIT

_HOURS = IMPORT_SOFT_LIMIT.total_seconds() / 3600
REASONS: dict[type[Exception], str] = {
    SoftTimeLimitExceeded: f"Importing took too long: it was stopped after {_HOURS:g} hours."
    " Upload the file again to continue."
}

log = logging.getLogger(__name__)


@task(lease.RUN)
def run_import(import_id: str) -> None:
    settings = current_app.extensions["settings"]
    run(UUID(import_id), storage_at(settings.storage_url), reasons=REASONS)


@task("imports.sweep")
def sweep_imports() -> int:
    """Send every waiting import again, once a minute each; how many were sent."""
    with platform_session() as platform:
        waiting = lease.waiting(platform)
    sent = 0
    for found in waiting:
        try:
            if not first_within(f"import:{found.id}:{found.fence}", HINT_LIFETIME):
                continue
        except (OperationalError, RedisError, OSError) as error:
            log.warning("Sweeping imports stopped, for Redis does not answer: %s", error)
            break
        sent += send(lease.run_message(found.id))
    return sent
