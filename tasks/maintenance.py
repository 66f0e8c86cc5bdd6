"""Background work on the database itself, as the tables' owner: the queue ``maintenance``."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy import NullPool, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas import own_activities
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.pools import make_engine
from auditsaas.erasures import applying
from auditsaas.events.maintenance import daily_counts, partitions, platform_counts, retention
from auditsaas.events.maintenance.lasting import Lasting
from auditsaas.events.words import forgetting
from auditsaas.evidence import removals
from auditsaas.evidence.tree.upkeep import pruning, thinning
from auditsaas.extensions import settings
from tasks.jobs import long_task

log = logging.getLogger(__name__)


@long_task("maintenance.make_partitions")
def make_partitions() -> list[str]:
    """Make the months ahead, as the tables' owner; the names of new partitions."""
    engine = make_engine(settings().owner_url, poolclass=NullPool)
    with engine.connect() as connection:
        return partitions.ensure(connection, datetime.now(UTC))


@long_task("maintenance.count_days")
def count_days() -> int:
    """Complete the daily counts, as the tables' owner; how many workspaces were behind."""
    return daily_counts.rebuild_stale(make_engine(settings().owner_url, poolclass=NullPool))


@long_task("maintenance.count_together")
def count_together() -> int | None:
    """Count what is new in all logs together, as the tables' owner; of how many workspaces."""
    engine = make_engine(settings().owner_url, poolclass=NullPool)
    return platform_counts.count_in(engine, datetime.now(UTC))


@long_task("maintenance.thin_checkpoints")
def thin_checkpoints() -> int:
    """Remove old checkpoints that nothing refers to, as the tables' owner; how many went."""
    options = {"options": "-c timezone=UTC"}
    return thinning.thin(
        make_engine(settings().owner_url, poolclass=NullPool, connect_args=options)
    )


@long_task("maintenance.apply_retention")
def apply_retention() -> int:
    """Remove events past their retention, as the tables' owner; how many went."""
    engine = make_engine(
        settings().owner_url,
        poolclass=NullPool,
        connect_args={"options": "-c timezone=UTC"},
    )
    made = settings()
    with engine.connect() as connection:
        now = connection.scalars(text("SELECT now()")).one()
    removed = retention.apply(
        engine,
        now,
        keep=Lasting(own_activities.LASTING, made.own_events_days),
        least_days=made.min_retention_days,
    )
    with Session(engine) as session:
        for workspace_id in removals.noted(session):
            forgetting.settle(session, workspace_id)
            removals.settle(session, workspace_id, made.brand_name)
    if made.tree_keep_years:
        pruning.prune(engine, now - timedelta(days=366 * made.tree_keep_years))
    return sum(part.events for part in removed)


@long_task("maintenance.erase")
def erase() -> int:
    """Erase what was asked for and confirmed, as the tables' owner; of how many events."""
    with platform_session(JOBS) as platform:
        found = applying.in_effect(platform)
    if not found:
        return 0
    engine = make_engine(
        settings().owner_url,
        poolclass=NullPool,
        connect_args={"options": "-c timezone=UTC"},
    )
    erased = 0
    for workspace_id, request_id in found:
        try:
            run = applying.apply(engine, workspace_id, request_id, brand=settings().brand_name)
        except SQLAlchemyError:
            # One request must not hold up the others; it is taken up again in a minute.
            log.exception("Erasure %s did not go on", request_id)
            continue
        erased += run.erased
    return erased
