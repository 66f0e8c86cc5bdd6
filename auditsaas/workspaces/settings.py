"""Changes a workspace's settings, and what depends on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.errors import Conflict
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import log_heads
from auditsaas.events.reading import totals
from auditsaas.events.schema import TargetInput
from auditsaas.own_actions import Activity
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import FormerSlug, Workspace


def redacted_keys(session: Session, workspace_id: UUID) -> list[str]:
    """Read the metadata keys whose values are replaced on arrival."""
    keys = session.scalar(
        select(log_heads.c.redacted_keys).where(log_heads.c.workspace_id == workspace_id)
    )
    return list(keys or ())


def change(
    session: Session, actor: ActingMember, values: dict[str, Any], keys: list[str]
) -> Workspace:
    """Set a workspace's columns and redacted keys, and record what is now different.

    Raises:
        Conflict: another workspace has, or had, the slug.
    """
    workspace = session.get_one(
        Workspace, actor.workspace_id, with_for_update={"key_share": True}, populate_existing=True
    )
    changes: dict[str, list[Any]] = {
        name: [getattr(workspace, name), value]
        for name, value in values.items()
        if getattr(workspace, name) != value
    }
    if "slug" in changes:
        _move(session, workspace, values["slug"])
    for name, (_, value) in changes.items():
        setattr(workspace, name, value)
    session.flush()
    before = redacted_keys(session, workspace.id)
    if before != keys:
        changes["redacted_keys"] = [before, keys]
        session.execute(
            update(log_heads)
            .where(log_heads.c.workspace_id == workspace.id)
            .values(redacted_keys=keys or None)
        )
    if changes:
        target = TargetInput(type="workspace", id=str(workspace.id), name=workspace.name)
        actor.record(session, Activity.WORKSPACE_UPDATE, targets=[target], changes=changes)
    return workspace


def events_older_than(session: Session, workspace_id: UUID, days: int) -> int:
    """Count the events that a retention of ``days`` would remove now."""
    cut = datetime.now(UTC) - timedelta(days=days)
    gone = EventFilter(period=TimeRange(end=cut))
    return totals.count(session, [workspace_id], gone).total


def _move(session: Session, workspace: Workspace, slug: str) -> None:
    """Take another slug; the one before leads to it from now on."""
    former = session.get(FormerSlug, slug)
    taken = Conflict(f"The slug {slug} is taken.")
    if former is not None and former.tenant != workspace.id:
        raise taken
    if former is not None:
        session.delete(former)
    before = workspace.slug
    try:
        with session.begin_nested():
            workspace.slug = slug
            session.flush()
            session.add(FormerSlug(slug=before, tenant=workspace.id))
    except IntegrityError as error:
        raise taken from error
