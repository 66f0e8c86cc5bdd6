"""What was counted of reads of a log, what was appended of it, and time that passes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import Row, delete, insert, select, update

from auditsaas.events.models import events
from auditsaas.reads.models import log_reads
from auditsaas.workspaces.models import Workspace
from tasks.reads import flush as append_due_reads
from tests.support.factories import scoped

HOUR = timedelta(hours=1)


def counted(workspace: Workspace) -> Sequence[Row[Any]]:
    """The reads that wait to be appended, by query."""
    with scoped(workspace.id) as session:
        here = log_reads.c.workspace_id == workspace.id
        return session.execute(select(log_reads).where(here).order_by(log_reads.c.query)).all()


def appended(workspace: Workspace) -> Sequence[Row[Any]]:
    """The events of reads, oldest first."""
    with scoped(workspace.id) as session:
        here = events.c.workspace_id == workspace.id, events.c.activity == "log.read"
        return session.execute(select(events).where(*here).order_by(events.c.seq)).all()


def let_pass(workspace: Workspace, time: timedelta) -> None:
    """Make what was counted older by ``time``, whose hour goes with it."""
    names = {"first_at", "last_at"} | ({"hour"} if abs(time) >= HOUR else set())
    with scoped(workspace.id) as session:
        here = log_reads.c.workspace_id == workspace.id
        rows = session.execute(delete(log_reads).where(here).returning(log_reads)).all()
        for row in rows:
            moved = {name: value - time for name, value in row._mapping.items() if name in names}
            session.execute(insert(log_reads).values({**row._mapping, **moved}))
        session.commit()


def record_by(workspace: Workspace, how: str) -> None:
    """Have reads of the workspace's log recorded so."""
    with scoped(workspace.id) as session:
        chosen = update(Workspace).where(Workspace.id == workspace.id)
        session.execute(chosen.values(read_recording=how))
        session.commit()


def flush(app: Flask) -> int:
    """Append what is due, as beat has a worker do each minute."""
    with app.app_context():
        return append_due_reads()


def opened(row: Row[Any]) -> list[UUID]:
    """The events that a read names."""
    return [UUID(target["id"]) for target in row.targets or ()]
