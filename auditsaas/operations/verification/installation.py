"""Verifies an installation part by part; what was found is reported as it is found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auditsaas.events.maintenance import months
from auditsaas.operations.verification import files, logs, seals, together, words
from auditsaas.operations.verification.damage import Damage, Report
from auditsaas.storage.base import Storage
from auditsaas.workspaces.models import NamedWorkspace, Workspace

BATCH: Final = 500


def everything(
    session: Session, platform: Session, storage: Storage | None, owner: Engine | None = None
) -> Iterator[Report]:
    """Verify all logs with seals and words, their months and, where there is storage, files.

    With ``owner``, who alone sees every log's, also what is counted of all of them together.
    """
    yield _months(session)
    if owner is not None:
        yield together.verify(owner)
    for workspace in _workspaces(session):
        yield logs.verify(session, workspace)
        yield seals.verify(session, workspace)
        yield words.verify(session, workspace)
    if storage is not None:
        yield from files.exports(platform, storage)
        yield from files.imports(platform, storage)


def one(
    session: Session, platform: Session, storage: Storage | None, workspace: NamedWorkspace
) -> Iterator[Report]:
    """Verify the log of one workspace with seal and words, and the files that it has a part in."""
    yield _months(session)
    yield logs.verify(session, workspace)
    yield seals.verify(session, workspace)
    yield words.verify(session, workspace)
    if storage is not None:
        yield from files.exports(platform, storage, workspace.id)
        yield from files.imports(platform, storage, workspace.id)


def _months(session: Session) -> Report:
    hidden = months.hidden(session.connection())
    session.rollback()
    return Report(
        part="months",
        name="months",
        words="each lies in its place in the log",
        damages=tuple(
            Damage("months", f"{table.qualified} is detached from the log: see auditsaas doctor")
            for table in hidden
        ),
    )


def _workspaces(session: Session) -> Iterator[NamedWorkspace]:
    """Read the workspaces by batches, so that none is held while a log is read."""
    named = select(Workspace.id, Workspace.slug, Workspace.name).order_by(Workspace.id).limit(BATCH)
    after = None
    while True:
        wanted = named if after is None else named.where(Workspace.id > after)
        batch = session.execute(wanted).all()
        session.rollback()
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1].id
