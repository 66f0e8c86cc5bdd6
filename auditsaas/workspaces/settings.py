"""Changes a workspace's settings, and what depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, cast, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.errors import Conflict
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import log_heads
from auditsaas.events.reading import totals
from auditsaas.events.schema import TargetInput
from auditsaas.own_activities import Activity
from auditsaas.workspaces import former_slugs
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import Workspace

RETENTION = frozenset({"retention_days", "legal_hold"})
"""The columns that decide which events go; no role that serves people writes them."""


class SlugTaken(Conflict):
    """Another workspace has the slug, or had it and it is still reserved; which, is not told."""


def redacted_keys(session: Session, workspace_id: UUID) -> list[str]:
    """Read the metadata keys whose values are replaced on arrival."""
    keys = session.scalar(
        select(log_heads.c.redacted_keys).where(log_heads.c.workspace_id == workspace_id)
    )
    return list(keys or ())


def locked(session: Session, workspace_id: UUID) -> Workspace:
    """Read a workspace as it is now, and let changes of it take turns until the commit."""
    return session.get_one(
        Workspace, workspace_id, with_for_update={"key_share": True}, populate_existing=True
    )


def set_columns(
    session: Session,
    actor: ActingMember,
    values: Mapping[str, Any],
    metadata: dict[str, Any] | None = None,
) -> Workspace:
    """Set a workspace's columns, and record what is now different."""
    keys = redacted_keys(session, actor.workspace_id)
    return change(session, actor, values, keys, metadata=metadata)


def change(
    session: Session,
    actor: ActingMember,
    values: Mapping[str, Any],
    keys: list[str],
    *,
    metadata: dict[str, Any] | None = None,
) -> Workspace:
    """Set a workspace's columns and redacted keys at once, and record what is now different.

    What cannot be undone waits before it comes here: see ``auditsaas/pending_changes``.

    Raises:
        SlugTaken: another workspace has the slug, or had it not long ago.
    """
    workspace = locked(session, actor.workspace_id)
    changes: dict[str, list[Any]] = {
        name: [getattr(workspace, name), value]
        for name, value in values.items()
        if getattr(workspace, name) != value
    }
    if "slug" in changes:
        _move(session, workspace, values["slug"])
    for name, (_, value) in changes.items():
        if name not in RETENTION:
            setattr(workspace, name, value)
    session.flush()
    if changes.keys() & RETENTION:
        set_retention(
            session,
            workspace,
            values.get("retention_days", workspace.retention_days),
            legal_hold=values.get("legal_hold", workspace.legal_hold),
        )
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
        actor.record(
            session, Activity.WORKSPACE_UPDATE, targets=[target], changes=changes, metadata=metadata
        )
    return workspace


def set_retention(
    session: Session, workspace: Workspace, days: int | None, *, legal_hold: bool
) -> None:
    """Set how long a workspace's events are kept, by the function that alone may.

    It refuses to keep less unless a change that waits for it is due, and to keep more unless an
    admin is bound.
    """
    asked = func.set_retention(workspace.id, cast(days, Integer), legal_hold)
    session.execute(select(asked))
    session.refresh(workspace, [*RETENTION])


def events_before(session: Session, workspace_id: UUID, cut: datetime) -> int:
    """Count the events that occurred before ``cut``, which retention would remove."""
    gone = EventFilter(period=TimeRange(end=cut))
    return totals.count(session, [workspace_id], gone).total


def _move(session: Session, workspace: Workspace, slug: str) -> None:
    """Take another slug; the one before leads to it from now on."""
    taken = SlugTaken(f"The slug {slug} is taken.")
    if not former_slugs.free(session, slug, tenant=workspace.id):
        raise taken
    before = workspace.slug
    try:
        with session.begin_nested():
            workspace.slug = slug
            session.flush()
            former_slugs.keep(session, before, workspace.id)
    except IntegrityError as error:
        raise taken from error
