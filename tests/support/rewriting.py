"""What only the owner of the tables can do to a log: rewrite it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, text, update
from sqlalchemy.orm import Session

from auditsaas.events.models import events
from auditsaas.workspaces.models import Workspace
from tests.support.factories import as_owner


@contextmanager
def rewriting(workspace: Workspace) -> Iterator[Session]:
    """Open a transaction of the owner in which events of the workspace can be changed."""
    with as_owner(workspace.id) as session:
        session.execute(text("SET LOCAL auditsaas.erasing = 'yes'"))
        yield session
        session.commit()


def rewrite(workspace: Workspace, *only: ColumnElement[bool], **columns: Any) -> None:
    """Change columns of events of the workspace."""
    with rewriting(workspace) as session:
        here = events.c.workspace_id == workspace.id
        session.execute(update(events).where(here, *only).values(**columns))
