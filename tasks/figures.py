"""Notes figures that are read over a day, for the page of the installation."""

from __future__ import annotations

from sqlalchemy import func, select

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events.models import log_heads
from auditsaas.extensions import settings
from auditsaas.jobs import past_day
from auditsaas.jobs.queue import task
from auditsaas.operations.figures import queue_server


@task("figures.note")
def note_stored() -> None:
    """Note how many events all logs have ever stored."""
    with platform_session(JOBS) as session:
        total = session.scalar(select(func.coalesce(func.sum(log_heads.c.seq), 0)))
    with queue_server.connection(settings().redis_url) as server:
        past_day.note_stored(server, int(total or 0))
