"""Where a log is being read: one workspace, all of a person's, or all there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.events.presenter import WorkspaceName
from auditsaas.workspaces.models import NamedWorkspace


@dataclass(frozen=True, kw_only=True)
class Place:
    """The workspaces in scope, the session that sees them, and the address of their page."""

    base_url: str
    session: Session
    workspaces: Sequence[NamedWorkspace]
    several: bool
    """Whether the page shows the Workspace filter and column."""
    exports_url: str | None = None
    event_pattern: str = "/w/{slug}/audit-logs/{id}"
    """The address of one event, by its workspace's slug and its id."""
    views_of: UUID | None = None
    """Whose saved views are offered: a workspace's, or those over all of a person's."""

    on_show: Callable[[set[UUID]], None] | None = None
    """Told of every workspace that something is shown of, where that has to be recorded."""

    def show(self, workspace_ids: Iterable[UUID]) -> None:
        """Say that an answer holds something of these workspaces."""
        shown = set(workspace_ids)
        if self.on_show is not None and shown:
            self.on_show(shown)

    @property
    def ids_by_slug(self) -> dict[str, UUID]:
        return {workspace.slug: workspace.id for workspace in self.workspaces}

    @property
    def names(self) -> dict[UUID, WorkspaceName]:
        return {w.id: WorkspaceName(w.slug, w.name) for w in self.workspaces}

    @property
    def label(self) -> str:
        if not self.several:
            return f"Everything users did in {self.workspaces[0].name}, newest first"
        number = len(self.workspaces)
        noun = "workspace" if number == 1 else "workspaces"
        return f"Everything users did in {number:,} {noun}, newest first"

    def event_url(self, slug: str, event_id: UUID) -> str:
        return self.event_pattern.format(slug=slug, id=event_id)

    def chosen_ids(self, slugs: Sequence[str]) -> list[UUID]:
        """The workspaces that a filter names, or all; their ids in a fixed order."""
        chosen = [w.id for w in self.workspaces if not slugs or w.slug in slugs]
        return sorted(chosen)
