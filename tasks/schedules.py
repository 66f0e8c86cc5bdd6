"""Background work on schedules: start what is due, end what is done."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.exports.kind import EXPORTS
from auditsaas.extensions import db
from auditsaas.jobs.queue import task
from auditsaas.jobs.turns import send_in_turn
from auditsaas.schedules import reports, runs

log = logging.getLogger(__name__)


@task("schedules.tick")
def tick(now: datetime | None = None) -> int:
    """Conclude reports with a finished file, then start due ones; return how many were started."""
    _conclude()
    moment = now or datetime.now(UTC)
    with platform_session(JOBS) as platform:
        due = runs.due(platform, moment)
    started = 0
    for workspace_id, schedule_id in due:
        try:
            export = runs.start_due(db.session(), workspace_id, schedule_id, moment)
            db.session.commit()
        except SQLAlchemyError:
            # One schedule must not hold up the others; it is due again at the next tick.
            db.session.rollback()
            log.exception("Schedule %s could not be started", schedule_id)
            continue
        if export is not None:
            send_in_turn(EXPORTS, export)
            started += 1
    return started


def _conclude() -> None:
    with platform_session(JOBS) as platform:
        ended = reports.ended(platform)
    for workspace_id, run_id in ended:
        try:
            reports.conclude(db.session(), workspace_id, run_id)
            db.session.commit()
        except SQLAlchemyError:
            db.session.rollback()
            log.exception("Report %s could not be concluded", run_id)
