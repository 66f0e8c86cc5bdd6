"""Where exports are seen and asked for: one workspace, all of a person's, or all there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from flask import g, request
from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from auditsaas.access import current, loaders, platform_guard
from auditsaas.access.browser import Identity
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.current_request import facts
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope, platform_session
from auditsaas.errors import FieldError, InvalidFields
from auditsaas.exports.models import Export
from auditsaas.exports.service import Asker
from auditsaas.extensions import db
from auditsaas.permissions import Permission
from auditsaas.workspaces.models import NamedWorkspace, Workspace


@dataclass(frozen=True, kw_only=True)
class Place:
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

    def note_listing(self) -> None:
        """Record that a super-admin sees what others asked for."""
        if self.reader is not None:
            platform_guard.note_page()
            self._bind_everything()

    def ask_why(self, slugs: Sequence[str]) -> None:
        """Ask a super-admin for a reason, even to be told how many events there are."""
        if self.reader is not None:
            platform_guard.require_reason({w.slug: w.id for w in self.workspaces}, slugs)

    def look_into(self, slugs: Sequence[str]) -> None:
        """Ask a super-admin why, and tell the workspaces that an export will read."""
        if self.reader is None:
            return
        self.ask_why(slugs)
        platform_guard.note_shown(self.chosen(slugs))
        self._bind_everything()

    def _bind_everything(self) -> None:
        everything = Scope.of(*(w.id for w in self.workspaces), user=self.person.id)
        tenancy.bind(everything, self.session)

    def is_own(self, export: Export) -> bool:
        """Whether it can be opened here: a super-admin also sees that others asked for one."""
        if self.reader is None:
            return True
        return export.through_platform and export.requested_by == self.person.id

    @property
    def asker(self) -> Asker:
        return Asker(person=self.person, roles=self.roles, facts=facts())

    def chosen(self, slugs: Sequence[str]) -> list[UUID]:
        """The workspaces that a filter names, or all of them.

        Raises:
            InvalidFields: one is not among them.
        """
        known = {workspace.slug: workspace.id for workspace in self.workspaces}
        unknown = [slug for slug in slugs if slug not in known]
        if unknown:
            raise InvalidFields(
                [FieldError("workspace", f"There is no workspace “{unknown[0][:40]}” here.")]
            )
        return sorted(known[slug] for slug in slugs) if slugs else sorted(known.values())


def at(slug: str | None) -> Place:
    """The place of the address that was asked for."""
    if slug is not None:
        return one(slug)
    return everywhere() if request.path.startswith("/admin/") else all_mine()


def one(slug: str) -> Place:
    access = loaders.load_workspace(slug, Permission.EXPORT_CREATE)
    held = loaders.load_all(Permission.EXPORT_CREATE)
    base = f"/w/{access.slug}"
    return _mine(base, held, [access], Export.workspace_ids.contains([access.id]))


def all_mine() -> Place:
    held = loaders.load_all(Permission.EXPORT_CREATE)
    return _mine("", held, held, None)


def everywhere() -> Place:
    """A super-admin's exports across workspaces; they are read through the platform pool."""
    loaders.load_platform()
    person = current.require_person()
    g.other_session = reader = platform_session()  # closed at the end of the request
    workspaces = reader.execute(
        select(Workspace.id, Workspace.slug, Workspace.name).order_by(Workspace.name)
    ).all()
    ids = [workspace.id for workspace in workspaces]
    return Place(
        base_url="/admin/exports",
        log_url="/admin/audit-logs",
        person=person,
        session=tenancy.bind(Scope.of(*ids, user=person.id)),
        visible=and_(Export.through_platform, Export.requested_by == person.id),
        workspaces=workspaces,
        names={workspace.id: workspace for workspace in workspaces},
        roles=dict.fromkeys(ids, "super-admin"),
        several=True,
        reader=reader,
    )


def _mine(
    base: str,
    held: Sequence[WorkspaceAccess],
    workspaces: Sequence[WorkspaceAccess],
    here: ColumnElement[bool] | None,
) -> Place:
    """Own exports, and everyone's where the person may see them in every workspace they cover."""
    person = current.require_person()
    of_everyone = [access.id for access in held if access.allows(Permission.EXPORT_READ_ALL)]
    own = and_(
        Export.requested_by == person.id,
        ~Export.through_platform,
        Export.workspace_ids.contained_by([access.id for access in held]),
    )
    anyone = Export.workspace_ids.contained_by(of_everyone) if of_everyone else false()
    visible = or_(own, anyone)
    return Place(
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
