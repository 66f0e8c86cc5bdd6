"""Background work on exports: build one, find those that wait, remove those that expired."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from flask import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from auditsaas.db import tenancy
from auditsaas.db.tenancy import platform_session
from auditsaas.exports import build, expiry, lease
from auditsaas.exports.build import House
from auditsaas.exports.limits import row_limits
from auditsaas.extensions import db
from auditsaas.jobs.queue import first_within, note_sweep, send, task
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import Storage
from config.celery import BUILD_SOFT_LIMIT, HINT_LIFETIME
from config.settings import Settings

_MINUTES = BUILD_SOFT_LIMIT.total_seconds() / 60
TOO_LONG = f"Building took too long: it was stopped after {_MINUTES:g} minutes."
REASONS: dict[type[Exception], str] = {SoftTimeLimitExceeded: TOO_LONG}

log = logging.getLogger(__name__)


@task(lease.BUILD)
def build_export(export_id: str) -> None:
    build.build(UUID(export_id), _storage(), house=_house(), reasons=REASONS)


def stop_build(export_id: str) -> None:
    """Say of an export why its process was killed; its hard limit has passed."""
    build.stop(UUID(export_id), TOO_LONG)


@task("exports.sweep")
def sweep_exports() -> int:
    """Send every waiting export again, once a minute each; how many were sent."""
    with platform_session() as platform:
        waiting = lease.waiting(platform)
    sent = 0
    for export in waiting:
        try:
            if not first_within(f"hint:{export.export_id}:{export.fence}", HINT_LIFETIME):
                continue
        except (OperationalError, RedisError, OSError) as error:
            log.warning("Sweeping stopped, for Redis does not answer: %s", error)
            break
        sent += send(lease.build_message(export.export_id, export.format))
    if sent:
        log.info("Sent %d waiting exports again", sent)
    with suppress(OperationalError, RedisError, OSError):
        note_sweep(time.time())
    return sent


@task("exports.expire")
def expire_exports() -> None:
    storage = _storage()
    with platform_session() as platform:
        scopes = {
            export_id: lease.scope_of_export(platform, export_id)
            for export_id in expiry.expired(platform)
        }
    for export_id, scope in scopes.items():
        if scope is not None:
            expiry.expire(tenancy.bind(scope), export_id, storage)
            db.session.commit()
    with platform_session() as platform:
        left = list(expiry.strays(platform, storage))
    for key in left:
        storage.delete(key)
    if left:
        log.info("Removed %d files that no export has", len(left))


def _house() -> House:
    settings: Settings = current_app.extensions["settings"]
    return House(brand=settings.brand_name, row_limits=row_limits(settings.pdf_rows))


def _storage() -> Storage:
    return storage_at(current_app.extensions["settings"].storage_url)
