"""Finds the checkpoint that covers an export; one that is still to be signed is not waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.errors import DomainError
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import GROWING, Sealed
from auditsaas.exports.kind import ExportClaim
from auditsaas.exports.models import Export
from auditsaas.extensions import db
from auditsaas.jobs.leases import NotYet

PATIENCE: Final = timedelta(minutes=10)
"""Events are sealed within a minute; a log that is behind for longer than this is not waited for,
unless the export was asked for since."""
AGAIN_AFTER: Final = timedelta(seconds=3)

AT_THE_COMMAND: Final = timedelta(seconds=90)
"""How long an operator's command waits, who has no row to come back to."""
PAUSE_SECONDS: Final = 0.5


class NotSealedYet(DomainError):
    """The log is not sealed as far as the export goes, and was waited for."""

    status = 409
    title = "Not sealed yet"

    def __init__(self, sealed: int, last: int) -> None:
        super().__init__(
            f"The log is sealed up to event {sealed:,}, and this export goes to event {last:,}."
            " Try again once all of it is sealed."
        )


def sealed_head(claim: ExportClaim) -> Sealed:
    """Return the newest checkpoint, which then stays for good, if it covers the export.

    Raises:
        NotYet: the log is about to be sealed so far.
        NotSealedYet: it is not, and has been waited for.
    """
    (workspace_id,) = claim.row.workspace_ids
    last = max(claim.row.snapshot_seqs.values())
    with Session(db.engine) as session:
        tenancy.bind(claim.scope, session)
        sealed = checkpoints.newest(session, workspace_id)
        if sealed is not None and sealed.size >= last:
            checkpoints.keep(session, workspace_id, sealed.size)
            session.commit()
            return sealed
        size = sealed.size if sealed else 0
        if _is_stuck(session, claim.row):
            raise NotSealedYet(size, last)
    words = f"the log is sealed up to event {size:,} of {last:,}"
    raise NotYet(words, AGAIN_AFTER, sealed_size=size)


def _is_stuck(session: Session, export: Export) -> bool:
    """Tell whether there is no use in waiting for the log of an export."""
    state = checkpoints.state(session, export.workspace_ids[0])
    if state.state != GROWING:
        return True
    since = state.lag_since or state.grown_at or export.created_at
    return max(since, export.created_at) < datetime.now(UTC) - PATIENCE


def wait(newest: Callable[[], Sealed | None], last: int) -> Sealed:
    """Ask for the newest checkpoint until it covers number ``last``; for a command.

    Raises:
        NotSealedYet: it did not cover it in time.
    """
    deadline = time.monotonic() + AT_THE_COMMAND.total_seconds()
    while True:
        sealed = newest()
        if sealed is not None and sealed.size >= last:
            return sealed
        if time.monotonic() >= deadline:
            raise NotSealedYet(sealed.size if sealed else 0, last)
        time.sleep(PAUSE_SECONDS)
