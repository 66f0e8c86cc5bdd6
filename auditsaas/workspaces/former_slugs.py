"""Leads the former slugs in a filter on to the workspaces that had them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.workspaces.models import FormerSlug, NamedWorkspace


def with_current_slugs(
    session: Session, event_filter: EventFilter, workspaces: Sequence[NamedWorkspace]
) -> EventFilter:
    """Replace former slugs of ``workspaces`` in a filter by those of today; others stay.

    ``session`` is one of the app role, which alone reads former slugs.
    """
    current = {workspace.id: workspace.slug for workspace in workspaces}
    unknown = event_filter.named_workspaces - set(current.values())
    if not unknown:
        return event_filter
    former = session.execute(
        select(FormerSlug.slug, FormerSlug.tenant).where(
            FormerSlug.slug.in_(unknown), FormerSlug.tenant.in_(current)
        )
    )
    return event_filter.with_workspaces({slug: current[tenant] for slug, tenant in former})


def former_slugs_of(session: Session, workspace_id: UUID) -> Sequence[str]:
    """The slugs that a workspace had."""
    return session.scalars(select(FormerSlug.slug).where(FormerSlug.tenant == workspace_id)).all()
