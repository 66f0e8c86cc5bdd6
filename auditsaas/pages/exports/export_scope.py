"""Loads the scope of the exports' pages: one workspace, all of a person's, or all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, or_
from sqlalchemy.orm import Session

from auditsaas.access import current, loaders, log_reading, page_scope, platform_guard
from auditsaas.access.browser import Identity
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.access.looking import Looking
from auditsaas.access.page_scope import PageScope
from auditsaas.current_request import facts
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.extensions import db
from auditsaas.permissions import Permission
from auditsaas.workspaces.models import NamedWorkspace


@dataclass(frozen=True, kw_only=True)
class ExportScope:
    """The exports that may be seen here, and the workspaces that one may be asked of."""

    base_url: str
    log_url: str
    person: Identity
    session: Session
    visible: ColumnElement[bool]
    workspaces: Sequence[NamedWorkspace]
    names: Mapping[UUID, NamedWorkspace]
    """Every workspace that a visible export may name."""
    roles: Mapping[UUID, str]
    several: bool
    reader: Session | None = None
    """The platform session, where a super-admin reads through it."""

    def list_all(self) -> Looking | None:
        """Begin a super-admin's look at what others asked for; None for others."""
        if self.reader is None:
            return None
        return platform_guard.look_over(self.workspaces, self.reader)

    def look_into(self, event_filter: EventFilter) -> Looking | None:
        """Require a super-admin's reason, and begin the look; None for others."""
        if self.reader is None:
            return None
        opened = platform_guard.require_reason(self.workspaces, event_filter.workspace)
        look = platform_guard.look_into(opened, self.reader)
        look.asks(event_filter)
        return look

    def readable(self, slugs: Sequence[str], look: Looking | None) -> list[UUID]:
        """Choose the workspaces that a filter names, or all; a super-admin's must be open."""
        chosen = self.chosen(slugs)
        return chosen if look is None else [key for key in chosen if key in look.within]

    def bind_to(self, workspaces: Sequence[UUID]) -> None:
        """Let a super-admin write what they do into the logs of these workspaces, and no others."""
        if self.reader is not None:
            platform_guard.refuse_closed(workspaces)
            tenancy.bind(Scope.of(*workspaces, user=self.person.id), self.session)

    def tell_of(self, *found: Export) -> None:
        """Tell the workspaces of exports that the super-admin who asked for them sees them."""
        if self.reader is not None:
            ids = frozenset(key for export in found for key in export.workspace_ids)
            platform_guard.look_at(ids, self.reader)

    def is_own(self, export: Export) -> bool:
        """Tell whether it can be opened here: a super-admin also sees that others asked for one."""
        if self.reader is None:
            return True
        return export.through_platform and export.requested_by == self.person.id

    @property
    def requester(self) -> Requester:
        return Requester(person=self.person, roles=self.roles, facts=facts())

    def chosen(self, slugs: Sequence[str]) -> list[UUID]:
        """Return the workspaces that a filter names, or all of them.

        Raises:
            InvalidFields: one is not among them.
        """
        known = {workspace.slug: workspace.id for workspace in self.workspaces}
        unknown = [slug for slug in slugs if slug not in known]
        if unknown:
            raise InvalidFields(
                [FieldError("workspace", f"There is no workspace “{unknown[0][:40]}” here.")]
            )
        chosen = sorted(known[slug] for slug in slugs) if slugs else sorted(known.values())
        log_reading.chosen(chosen)
        return chosen


def load(slug: str | None) -> ExportScope:
    """Load the scope of exports for the request's address."""
    scope = page_scope.load(slug, Permission.EXPORT_CREATE)
    if scope.platform is not None:
        return _everywhere(scope, scope.platform)
    held = loaders.load_all(Permission.EXPORT_CREATE)
    if scope.several:
        return _mine("", held, held, None)
    here = Export.workspace_ids.contains([scope.workspaces[0].id])
    return _mine(scope.prefix, held, scope.held, here)


def _everywhere(scope: PageScope, reader: Session) -> ExportScope:
    """Load a super-admin's exports across workspaces, read through the platform pool."""
    person = current.require_person()
    ids = [workspace.id for workspace in scope.workspaces]
    return ExportScope(
        base_url="/admin/exports",
        log_url="/admin/audit-logs",
        person=person,
        session=tenancy.bind(Scope(user=person.id)),
        visible=and_(Export.through_platform, Export.requested_by == person.id),
        workspaces=scope.workspaces,
        names={workspace.id: workspace for workspace in scope.workspaces},
        roles=dict.fromkeys(ids, "super-admin"),
        several=True,
        reader=reader,
    )


def _mine(
    base: str,
    held: Sequence[WorkspaceAccess],
    workspaces: Sequence[WorkspaceAccess],
    here: ColumnElement[bool] | None,
) -> ExportScope:
    """Load own exports, and all that the person may see in every workspace they cover."""
    person = current.require_person()
    of_everyone = [access.id for access in held if access.allows(Permission.EXPORT_READ_ALL)]
    own = and_(
        Export.requested_by == person.id,
        ~Export.through_platform,
        Export.workspace_ids.contained_by([access.id for access in held]),
    )
    anyone = Export.workspace_ids.contained_by(of_everyone) if of_everyone else false()
    visible = or_(own, anyone)
    return ExportScope(
        base_url=f"{base}/exports",
        log_url=f"{base}/audit-logs",
        person=person,
        session=db.session(),
        visible=visible if here is None else and_(visible, here),
        workspaces=workspaces,
        names={access.id: access for access in held},
        roles={access.id: access.role.value for access in held},
        several=here is None,
    )
