"""Checks the log's tables: its months, indexes and numbering."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from auditsaas.db import platform, tenancy
from auditsaas.db.platform import JOBS
from auditsaas.db.tenancy import Scope
from auditsaas.events.maintenance import months
from auditsaas.events.maintenance.partitions import PARTITIONS
from auditsaas.events.models import events, log_heads
from auditsaas.operations import revisions
from auditsaas.operations.checks.check import Check, Sight, either
from auditsaas.operations.checks.server import UPGRADE
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.operations.gauges import partition_horizon_days
from auditsaas.operations.revisions import Standing
from auditsaas.workspaces.models import Workspace

SHORT_HORIZON_DAYS = 35
MOST_EVENTS = 100_000
"""So many are counted at each look, of the shortest logs; ``auditsaas verify`` counts all."""
MOST_LOGS = 1_000

_INVALID = text(
    """
    SELECT i.indexrelid::regclass::text AS name, c.relkind = 'i' AND (
            c.relispartition OR c.relname ~ '^(ix|uq|pk)_' OR EXISTS (
                SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid)) AS own
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE NOT (i.indisvalid AND i.indisready) AND c.relnamespace = 'public'::regnamespace
    ORDER BY 1
    """
)
_LEFT_OVER = re.compile(r"_cc(new|old)\d*$")


def _horizon(sight: Sight) -> Finding:
    with platform.bind(Session(sight.platform), JOBS) as session:
        days = partition_horizon_days(session, datetime.now(UTC))
    words = f"of the log are made for {days:.0f} days ahead"
    if not days:
        return fail("partitions", "this month has none of its own", UPGRADE)
    if days < SHORT_HORIZON_DAYS:
        return warn(
            "partitions",
            words,
            f"{UPGRADE}; then see that beat and the maintenance worker run: twice a day they do.",
        )
    return ok("partitions", words)


def _months(sight: Sight) -> Iterator[Finding]:
    hidden = months.hidden(sight.app)
    for table in hidden:
        yield _hidden(sight, table)
    # A detached month takes what lies in its place along.
    strays = [] if hidden else _strays(sight)
    for name, cure in strays:
        words = f"events of {name} lie in the default partition, which no retention drops as one"
        yield warn("months", words, f"As the owner: {cure}")
    if not hidden and not strays:
        yield ok("months", "each lies in its place in the log")


def _strays(sight: Sight) -> list[tuple[str, str]]:
    if sight.owner is None or months.DEFAULT not in {*sight.owner.scalars(PARTITIONS)}:
        return []
    return list(months.strays(sight.owner, datetime.now(UTC)))


def _hidden(sight: Sight, table: months.Hidden) -> Finding:
    words = f"{table.qualified} is detached from the log, so nobody reads its events"
    if sight.owner is None:
        return fail("months", words, "Run the doctor where MIGRATION_DATABASE_URL is set.")
    cure = months.cure(sight.owner, table)
    who = "the owner" if table.schema == "public" else "an administrator"
    if cure is None:
        return warn(
            "months",
            f"{table.qualified} is like the log and no month of it",
            f"See whether you made it. As {who}: DROP TABLE {table.qualified};",
        )
    return fail("months", words, f"As {who}: {cure}")


def _indexes(sight: Sight) -> Iterator[Finding]:
    invalid = sight.app.execute(_INVALID).all()
    older = revisions.standing(revisions.of(sight.app)) is Standing.OLDER
    for index in invalid:
        if older:
            remedy = UPGRADE
        elif index.own and not _LEFT_OVER.search(index.name):
            remedy = f"As the owner: REINDEX INDEX CONCURRENTLY {index.name};"
        else:
            remedy = f"As the owner: DROP INDEX {index.name};"
        yield warn("indexes", f"{index.name} is invalid: kept up to date and used by none", remedy)
    if not invalid:
        yield ok("indexes", "are all valid")


def _sequence(sight: Sight) -> Finding:
    """Count the shortest logs, as many as take no time, and compare them with their heads."""
    chosen, known = _shortest(sight)
    gaps = [head for head in chosen if head.n + head.removed != head.seq]
    if gaps:
        with Session(sight.app) as session:
            slugs = {
                row.id: row.slug
                for row in session.execute(
                    select(Workspace.id, Workspace.slug).where(
                        Workspace.id.in_([head.workspace_id for head in gaps])
                    )
                )
            }
        names = sorted(slugs.get(head.workspace_id, str(head.workspace_id)) for head in gaps)
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        return fail(
            "sequence",
            f"has gaps in {', '.join(names[:3])}{more}: events are missing that were not removed",
            f"See which: auditsaas verify {names[0]}; what a detached month held comes back with"
            " it, and else a backup has it.",
        )
    return ok("sequence", f"has no gap in {len(chosen):,} of {known:,} logs; verify counts all")


def _shortest(sight: Sight) -> tuple[list[Any], int]:
    ids = list(sight.app.scalars(select(Workspace.id).order_by(Workspace.id).limit(MOST_LOGS)))
    known = sight.app.scalar(select(func.count()).select_from(Workspace)) or 0
    heads = log_heads.c
    running = func.sum(heads.seq - heads.removed).over(order_by=(heads.seq, heads.workspace_id))
    shortest = select(log_heads, running.label("running")).subquery().c
    counted = (
        select(func.count())
        .select_from(events)
        .where(events.c.workspace_id == shortest.workspace_id)
        .scalar_subquery()
    )
    asked = select(shortest.workspace_id, shortest.seq, shortest.removed, counted.label("n")).where(
        shortest.running <= MOST_EVENTS
    )
    with tenancy.bind(Scope.of(*ids), Session(sight.app)) as session:
        return [*session.execute(asked)], known


CHECKS = (
    either("partitions", _horizon),
    Check("months", _months),
    Check("indexes", _indexes),
    either("sequence", _sequence),
)
