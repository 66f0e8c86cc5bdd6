"""Opens the session that reads an export: primary, platform pool or replica."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.db import replica, tenancy
from auditsaas.db.platform import Look, platform_session
from auditsaas.events.reading import pages
from auditsaas.evidence.tree import checkpoints
from auditsaas.exports.kind import ExportClaim
from auditsaas.extensions import db

REPLICA_PATIENCE = timedelta(seconds=5)

# What is counted first and what is then read must be the same rows.
ONE_SNAPSHOT = "REPEATABLE READ"


@contextmanager
def reader(claim: ExportClaim, patience: timedelta) -> Iterator[Session]:
    """Open a session in one transaction that has every event up to the export's snapshot."""
    with _session(claim, patience) as session:
        try:
            yield session
        except BaseException:
            # A limit may strike in the middle of a statement; such a connection cannot be reused.
            session.invalidate()
            raise


def _session(claim: ExportClaim, patience: timedelta) -> Session:
    if claim.row.through_platform:
        session = platform_session(Look.at(*claim.row.workspace_ids))
    else:
        found = _on_the_replica(claim, patience)
        if found is not None:
            return found
        session = tenancy.bind(claim.scope, Session(db.engine))
    session.connection(execution_options={"isolation_level": ONE_SNAPSHOT})
    return session


def _on_the_replica(claim: ExportClaim, patience: timedelta) -> Session | None:
    """Open a session on the replica that has the snapshot; None for the primary.

    None also for a second attempt, for a replica may have ended the first: it stops statements
    that hold up what it is to repeat.
    """
    if claim.attempt > 1:
        return None

    def has_the_snapshot(session: Session) -> bool:
        reached = _sealed if claim.row.proof else pages.heads
        heads = reached(session, claim.row.workspace_ids)
        return all(heads.get(log, 0) >= seq for log, seq in claim.row.snapshot_seqs.items())

    return replica.caught_up(
        claim.scope, has_the_snapshot, patience=patience, isolation_level=ONE_SNAPSHOT
    )


def _sealed(session: Session, workspace_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Read how far each log is sealed below a checkpoint."""
    found = {key: checkpoints.newest(session, key) for key in workspace_ids}
    return {key: sealed.size for key, sealed in found.items() if sealed is not None}
