"""Leads the former slugs in a filter on to the workspaces that had them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
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
    terms = (term.values for term in event_filter.terms if term.key == "workspace")
    unknown = {*event_filter.workspace, *chain.from_iterable(terms)} - set(current.values())
    if not unknown:
        return event_filter
    former = session.execute(
        select(FormerSlug.slug, FormerSlug.tenant).where(
            FormerSlug.slug.in_(unknown), FormerSlug.tenant.in_(current)
        )
    )
    return _renamed(event_filter, {slug: current[tenant] for slug, tenant in former})


def _renamed(event_filter: EventFilter, slugs: Mapping[str, str]) -> EventFilter:
    """The filter with the slugs that ``slugs`` maps, in its field and its search, as it says."""

    def now(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(slugs.get(value, value) for value in values))

    terms = tuple(
        replace(term, values=now(term.values)) if term.key == "workspace" else term
        for term in event_filter.terms
    )
    return replace(event_filter, workspace=now(event_filter.workspace), terms=terms)


def former_slugs_of(session: Session, workspace_id: UUID) -> Sequence[str]:
    """Select the former slugs of a workspace."""
    return session.scalars(select(FormerSlug.slug).where(FormerSlug.tenant == workspace_id)).all()
