"""Background work on reads of logs: append what was counted."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events.writing.append import MAX_BATCH
from auditsaas.extensions import db
from auditsaas.jobs.queue import task
from auditsaas.reads import flushing

log = logging.getLogger(__name__)


@task("reads.flush")
def flush() -> int:
    """Append every log's due reads; return how many events that made."""
    with platform_session(JOBS) as platform:
        waiting = flushing.due(platform)
    made = 0
    for workspace_id in waiting:
        try:
            appended = MAX_BATCH
            while appended == MAX_BATCH:
                appended = flushing.flush(db.session(), workspace_id)
                db.session.commit()
                made += appended
        except SQLAlchemyError:
            # One log must not hold up the others; its reads are due again at the next run.
            db.session.rollback()
            log.exception("The reads of workspace %s could not be appended", workspace_id)
    return made
