"""Runs over requests whose time has come, as the owner of the tables, and frees what they left."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.erasures import erasing, finishing
from auditsaas.erasures.erasing import Run, State
from auditsaas.erasures.models import requests
from auditsaas.erasures.proofs import NotAsSealed
from auditsaas.pending_changes.kinds import ERASE
from auditsaas.pending_changes.models import ChangeState, PendingChange

BESIDE: Final = (
    *("actors", "actor_emails", "actor_names", "tree_leaves"),
    *("event_words", "event_columns", "erasure_requests"),
)
"""The tables beside the log that hold what was erased until they are vacuumed."""

log = logging.getLogger(__name__)


def in_effect(platform: Session, limit: int = 100) -> Sequence[tuple[UUID, UUID]]:
    """Select workspace and id of the requests whose time has come and that are not done."""
    unfinished = select(requests.c.id).where(
        requests.c.workspace_id == PendingChange.workspace_id,
        requests.c.id == PendingChange.id,
        requests.c.done_at.is_(None),
    )
    found = (
        select(PendingChange.workspace_id, PendingChange.id)
        .where(
            PendingChange.kind == ERASE,
            PendingChange.state == ChangeState.APPLIED,
            unfinished.exists(),
        )
        .order_by(PendingChange.effective_at, PendingChange.id)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in platform.execute(found)]


def apply(engine: Engine, workspace_id: UUID, request_id: UUID, *, brand: str) -> Run:
    """Erase what a request asks for, batch by batch, and end it; a run may end anywhere."""
    run = Run()
    with Session(engine, expire_on_commit=False) as session:
        try:
            while run.state is State.GOES_ON:
                erasing.batch(session, workspace_id, request_id, run)
                session.commit()
            if run.state is State.DONE:
                finishing.finish(session, workspace_id, request_id, brand)
                session.commit()
        except NotAsSealed as error:
            session.rollback()
            _stop(session, workspace_id, request_id, str(error))
    if run.state is State.DONE:
        _vacuum(engine, run)
    return run


def _stop(session: Session, workspace_id: UUID, request_id: UUID, because: str) -> None:
    """Note why a request does not go on; it is tried again all the same."""
    log.error("Erasure %s stopped: %s", request_id, because)
    tenancy.bind(Scope.of(workspace_id), session)
    session.execute(
        update(requests)
        .where(requests.c.workspace_id == workspace_id, requests.c.id == request_id)
        .values(stopped_because=because)
    )
    session.commit()


def _vacuum(engine: Engine, run: Run) -> None:
    """Let PostgreSQL reuse the room of the rows as they were, which still hold the words."""
    tables = ", ".join([*sorted(run.partitions), *BESIDE])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM {tables}")
