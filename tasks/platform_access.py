"""Background work on super-admins' looks: tell the workspaces that were not told at once."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from auditsaas.access.looking import TELL_TASK
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.extensions import db
from auditsaas.jobs.queue import task
from auditsaas.platform_access import telling

log = logging.getLogger(__name__)


@task(TELL_TASK)
def tell_looks() -> int:
    """Tell of looks that wait, and of those repeated once their hour is over; how many events."""
    with platform_session(JOBS) as platform:
        waiting = telling.waiting(platform)
    told = 0
    for workspace_id in waiting:
        try:
            told += telling.tell_waiting(db.session(), workspace_id)
            db.session.commit()
        except SQLAlchemyError:
            # One workspace must not hold up the others; it waits for the next run.
            db.session.rollback()
            log.exception("Workspace %s could not be told of looks", workspace_id)
    return told
