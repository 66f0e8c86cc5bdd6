"""Background work on changes that wait: remind of them, and make those whose time has come."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.erasures import service as erasures
from auditsaas.extensions import db, settings
from auditsaas.jobs.queue import task
from auditsaas.pending_changes import applying, people, workspace_kinds
from auditsaas.pending_changes.kinds import Kinds

log = logging.getLogger(__name__)

KINDS: Kinds = {
    kind.name: kind
    for kind in (*workspace_kinds.OF_SETTINGS, people.LAST_OTHER_ADMIN, erasures.PERSON)
}
"""How the changes of each kind are made; a feature enters its kinds here."""


@task("changes.settle")
def settle() -> int:
    """Settle every change that waits; return how many took effect."""
    with platform_session(JOBS) as platform:
        found = applying.unsettled(platform)
    applied = 0
    for workspace_id, change_id in found:
        try:
            settled = applying.settle(
                db.session(), workspace_id, change_id, kinds=KINDS, brand=settings().brand_name
            )
            db.session.commit()
        except SQLAlchemyError:
            # One change must not hold up the others; it is looked at again in a minute.
            db.session.rollback()
            log.exception("Change %s could not be settled", change_id)
            continue
        applied += settled is not None and settled.applied
    return applied
