"""Checks the streaming replica that pages and exports are read from."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from auditsaas.db import isolation
from auditsaas.operations.checks.check import Check, Sight
from auditsaas.operations.finding import Finding, fail, ok, warn

FAR_BEHIND_BYTES = 64 * 2**20
IDENTITY = text("SELECT system_identifier FROM pg_control_system()")
_HERE = text("SELECT pg_current_wal_flush_lsn()::text")
_LAG = text("SELECT greatest(0, CAST(:here AS pg_lsn) - coalesce(pg_last_wal_replay_lsn(), '0/0'))")


def _replica(sight: Sight) -> Iterator[Finding]:
    if sight.replica is None:
        return
    reason = isolation.above_the_walls(sight.replica)
    if reason:
        words = f"{reason}, so it sees the rows of every tenant"
        yield fail("replica", words, "Let REPLICA_DATABASE_URL name the role of DATABASE_URL.")
    if not sight.replica.scalar(text("SELECT pg_is_in_recovery()")):
        yield fail(
            "replica",
            "is no replica: it takes writes",
            "Let REPLICA_DATABASE_URL name a streaming standby, or unset it.",
        )
        return
    yield _lag(sight.replica, sight.app)


def _lag(replica: Connection, primary: Connection) -> Finding:
    here = primary.scalar(_HERE)
    if replica.scalar(IDENTITY) != primary.scalar(IDENTITY):
        return fail(
            "replica",
            "is a replica of another database",
            "Let REPLICA_DATABASE_URL name a standby of the server of DATABASE_URL.",
        )
    lag = int(replica.scalar(_LAG, {"here": here}) or 0)
    if lag > FAR_BEHIND_BYTES:
        return warn(
            "replica",
            f"is {lag / 2**20:,.0f} MiB behind, so most pages and exports read the primary",
            "See pg_stat_replication on the primary, and what holds the replica up.",
        )
    return ok("replica", f"follows the database, {lag / 1024:,.0f} KiB behind")


CHECKS = (Check("replica", _replica),)
