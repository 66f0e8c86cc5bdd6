"""The scope of a log page: one workspace, all of a person's, or all there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode
from uuid import UUID

from flask import abort, redirect, request
from sqlalchemy.orm import Session

from auditsaas.access import crowding, current, loaders, log_reading, page_scope, platform_guard
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.access.looking import Looking
from auditsaas.access.page_scope import PageScope
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.opening import longest
from auditsaas.events.filter.reader import ALL_TIME
from auditsaas.events.presenter import WorkspaceName
from auditsaas.extensions import db
from auditsaas.pages.audit_log.saved_view_choice import NO_VIEWS, ViewChoice
from auditsaas.permissions import Permission
from auditsaas.saved_views import rows, service
from auditsaas.saved_views.models import ALL_MY_WORKSPACES
from auditsaas.workspaces.former_slugs import current_slugs
from auditsaas.workspaces.models import NamedWorkspace


@dataclass(frozen=True, kw_only=True)
class LogScope:
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
    manages_views: bool = False
    """Whether the person may share views here, and change those that others shared."""
    opens_with: str | None = None
    """The period of the page where its address names nothing; None where it has no period."""

    look: Looking | None = None
    """What a super-admin's answer is made of, which its workspaces are told."""

    def asks(self, event_filter: EventFilter, **beside: str) -> None:
        """Say what is asked: the filter, and what a fragment takes ``beside`` it."""
        if self.look is not None:
            self.look.asks(event_filter, **beside)

    @cached_property
    def offered(self) -> ViewChoice:
        """Find the saved views that the signed-in person may use here."""
        if self.views_of is None:
            return NO_VIEWS
        person, read = current.require_person().id, current.require_asking().views
        if read is not None and read[0] == self.views_of:
            return ViewChoice(read[1], person, current.require_asking().view_row)
        views = service.visible(self.session, self.views_of, person)
        return ViewChoice(views, person, rows.read(self.session, person, self.views_of))

    def show(self, workspace_ids: Iterable[UUID]) -> None:
        """Say that an answer holds a row of each of these workspaces."""
        if self.look is not None:
            self.look.show(workspace_ids)

    def show_beside(self, workspace_ids: Iterable[UUID]) -> None:
        """Say that an answer names something of these workspaces, beside what it is counted by."""
        self.show_of(dict.fromkeys(workspace_ids, 0))

    def shares(self) -> Counter[UUID] | None:
        """Make room for how much each workspace has in an answer; None where none is to be told."""
        return None if self.look is None else Counter()

    def show_of(self, figures: Mapping[UUID, int] | None) -> None:
        """Say how many events of each workspace an answer was made of."""
        if self.look is not None and figures is not None:
            self.look.show_of(figures)

    @property
    def ids_by_slug(self) -> dict[str, UUID]:
        return {workspace.slug: workspace.id for workspace in self.workspaces}

    @property
    def slugs_to_choose(self) -> Collection[str]:
        """The workspaces that a term may choose as a filter does.

        A super-admin is asked for a reason by the address, before any term is read.
        """
        return self.ids_by_slug if self.several and self.look is None else ()

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

    def event_url(self, slug: str, event_id: UUID | str) -> str:
        return self.event_pattern.format(slug=slug, id=event_id)

    def chosen_ids(self, slugs: Sequence[str]) -> list[UUID]:
        """Return the workspaces that a filter names, or all; their ids in a fixed order."""
        chosen = sorted(w.id for w in self.workspaces if not slugs or w.slug in slugs)
        log_reading.chosen(chosen)
        return chosen


def load(slug: str | None) -> LogScope:
    """Load the log's scope for the request's address; super-admins are asked for a reason."""
    mine = slug is None and not request.path.startswith("/admin/")
    if mine and current.require_person().is_super_admin and not loaders.my_workspaces():
        abort(redirect("/admin/audit-logs"))
    scope = page_scope.load(slug, Permission.LOG_READ)
    if scope.platform is not None:
        return _everywhere(scope, scope.platform, slug)
    if slug is not None:
        crowding.refuse_worked(scope.held[0])
    exports = f"{scope.prefix}/exports" if scope.allows(Permission.EXPORT_CREATE) else None
    return LogScope(
        base_url=f"{scope.prefix}/audit-logs",
        session=page_scope.reading_session(),
        workspaces=scope.workspaces,
        several=scope.several,
        exports_url=exports,
        views_of=ALL_MY_WORKSPACES if scope.several else scope.workspaces[0].id,
        manages_views=not scope.several and scope.allows(Permission.VIEW_SHARE),
        opens_with=_opening(scope.held),
    )


def _opening(held: Sequence[WorkspaceAccess]) -> str:
    """Return the period that the log opens with: the person's, or else the workspace's.

    Over several workspaces it is the longest of theirs, so that their own pages show no more.
    """
    chosen = current.require_person().default_period
    return chosen or longest(access.default_period for access in held)


def _everywhere(scope: PageScope, session: Session, slug: str | None) -> LogScope:
    """Load the log across all workspaces, or of one, which takes a reason of its own.

    Nothing that no reason was given for is in the scope.
    """
    asked = request.args.getlist("workspace") if slug is None else [slug]
    today = current_slugs(db.session(), asked, scope.workspaces)
    named = [today.get(name, name) for name in asked]
    opened = platform_guard.require_reason(scope.workspaces, named, itself=slug is not None)
    return LogScope(
        base_url="/admin/audit-logs",
        session=session,
        workspaces=opened.workspaces,
        several=True,
        exports_url="/admin/exports",
        event_pattern="/admin/audit-logs/{slug}/{id}",
        opens_with=_opening(()),
        look=platform_guard.look_into(opened, session),
    )


def url_with(path: str, args: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(args)}" if args else path


def log_url(
    scope: LogScope, args: Sequence[tuple[str, str]], beside: Sequence[tuple[str, str]] = ()
) -> str:
    """Return the address of the log by a filter, which says all time where it says nothing else.

    ``beside`` are parameters besides the filter.
    """
    everything = [("range", ALL_TIME)] if scope.opens_with and not args else []
    return url_with(scope.base_url, [*args, *everything, *beside])
