"""Former slugs: how long they are reserved, and what leads on to the workspaces that had them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.workspaces.models import FormerSlug, NamedWorkspace

MOST = 3
"""The former slugs that one workspace keeps, so that renaming cannot take many names."""


def with_current_slugs(
    session: Session, event_filter: EventFilter, workspaces: Sequence[NamedWorkspace]
) -> EventFilter:
    """Replace former slugs of ``workspaces`` in a filter by those of today; others stay."""
    searched = (term.values for term in event_filter.terms if term.key == "workspace")
    named = chain(event_filter.workspace, *searched)
    today = current_slugs(session, named, workspaces)
    if not today:
        return event_filter

    def now(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(today.get(value, value) for value in values))

    terms = tuple(
        replace(term, values=now(term.values)) if term.key == "workspace" else term
        for term in event_filter.terms
    )
    return replace(event_filter, workspace=now(event_filter.workspace), terms=terms)


def current_slugs(
    session: Session, slugs: Iterable[str], workspaces: Sequence[NamedWorkspace]
) -> dict[str, str]:
    """Map those of ``slugs`` that ``workspaces`` once had to the ones that they have today.

    ``session`` is one of the app role, which alone reads former slugs.
    """
    current = {workspace.id: workspace.slug for workspace in workspaces}
    unknown = set(slugs) - set(current.values())
    if not unknown:
        return {}
    former = session.execute(
        select(FormerSlug.slug, FormerSlug.tenant).where(
            FormerSlug.slug.in_(unknown), FormerSlug.tenant.in_(current)
        )
    )
    return {slug: current[tenant] for slug, tenant in former}


def free(session: Session, slug: str, *, tenant: UUID | None = None) -> bool:
    """Give up a former slug that may be taken: one of ``tenant``, or whose time is over.

    Returns whether it may; the slug of a workspace of today is not looked at.
    """
    former = session.get(FormerSlug, slug)
    if former is None:
        return True
    mine = delete(FormerSlug).where(FormerSlug.slug == slug)
    if former.tenant != tenant:
        mine = mine.where(FormerSlug.reserved_until < func.now())
    return session.scalar(mine.returning(FormerSlug.slug)) is not None


def keep(session: Session, slug: str, tenant: UUID) -> None:
    """Reserve a slug that a workspace gives up; the one it gave up longest ago may go for it."""
    session.add(FormerSlug(slug=slug, tenant=tenant))
    session.flush()
    newest_first = FormerSlug.reserved_until.desc(), FormerSlug.slug
    beyond = select(FormerSlug.slug).where(FormerSlug.tenant == tenant).order_by(*newest_first)
    session.execute(delete(FormerSlug).where(FormerSlug.slug.in_(beyond.offset(MOST))))


def former_slugs_of(session: Session, workspace_id: UUID) -> Sequence[str]:
    """Select the former slugs of a workspace."""
    return session.scalars(select(FormerSlug.slug).where(FormerSlug.tenant == workspace_id)).all()
