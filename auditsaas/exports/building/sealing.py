"""Waits until the log of an export is sealed as far as the export goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.errors import DomainError
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports.kind import ExportClaim
from auditsaas.extensions import db
from auditsaas.jobs.heartbeat import Heartbeat

PATIENCE: Final = timedelta(seconds=90)
"""Events are sealed within a minute; a checkpoint follows within ten seconds."""
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


def sealed_head(claim: ExportClaim, heartbeat: Heartbeat) -> Sealed:
    """Return the newest checkpoint, which then stays for good, once it covers the export.

    Raises:
        NotSealedYet: it did not cover it in time.
    """
    last = max(claim.row.snapshot_seqs.values())
    return wait(partial(_newest, claim, last), last, pause=partial(heartbeat.progress, 0))


def wait(
    newest: Callable[[], Sealed | None],
    last: int,
    *,
    pause: Callable[[], None],
) -> Sealed:
    """Ask for the newest checkpoint until it covers number ``last``.

    ``pause`` is called before each time, and raises to stop.

    Raises:
        NotSealedYet: it did not cover it in time.
    """
    deadline = time.monotonic() + PATIENCE.total_seconds()
    while True:
        pause()
        sealed = newest()
        if sealed is not None and sealed.size >= last:
            return sealed
        if time.monotonic() >= deadline:
            raise NotSealedYet(sealed.size if sealed else 0, last)
        time.sleep(PAUSE_SECONDS)


def _newest(claim: ExportClaim, last: int) -> Sealed | None:
    (workspace_id,) = claim.row.workspace_ids
    with Session(db.engine) as session:
        tenancy.bind(claim.scope, session)
        sealed = checkpoints.newest(session, workspace_id)
        if sealed is not None and sealed.size >= last:
            checkpoints.keep(session, workspace_id, sealed.size)
            session.commit()
    return sealed
