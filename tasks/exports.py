"""Background work on the files of exports: remove those that expired, and those that are strays."""

from __future__ import annotations

import logging

from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.exports import expiry
from auditsaas.exports.kind import EXPORTS
from auditsaas.extensions import db, settings
from auditsaas.jobs.queue import task
from auditsaas.storage.address import storage_at

log = logging.getLogger(__name__)


@task("exports.expire")
def expire_exports() -> int:
    """Remove files that expired, and those that no export has; how many went."""
    storage = storage_at(settings().storage_url)
    with platform_session(JOBS) as platform:
        scopes = {
            export_id: EXPORTS.scope(platform, export_id) for export_id in expiry.expired(platform)
        }
    for export_id, scope in scopes.items():
        if scope is not None:
            expiry.expire(tenancy.bind(scope), export_id, storage)
            db.session.commit()
    with platform_session(JOBS) as platform:
        left = list(expiry.strays(platform, storage))
    for key in left:
        storage.delete(key)
    if left:
        log.info("Removed %d files that no export has", len(left))
    return len(scopes) + len(left)
