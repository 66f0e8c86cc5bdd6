"""Workspaces and who belongs to them."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.db.ids import new_id
from auditsaas.errors import Conflict, Invalid
from auditsaas.events import system_log
from auditsaas.events.models import log_heads
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.events.writing.redaction import USUAL_KEYS
from auditsaas.formatting.one_line import one_line
from auditsaas.permissions import Role
from auditsaas.workspaces import former_slugs
from auditsaas.workspaces.models import FormerSlug, Membership, Workspace

# fmt: off
RESERVED_SLUGS = frozenset({
    "account", "accounts", "admin", "api", "audit-logs", "auditlog_verify.py", "auditsaas",
    "docs", "exports", "go", "healthz", "help", "invitations", "log", "login", "logout", "me",
    "metrics", "new", "notifications", "password-reset", "readyz", "schedules", "settings",
    "static", "system", "views", "w", "welcome", "witness", "workspaces",
})
# fmt: on
"""Words of our own addresses: a workspace called so would read as one of our pages."""

MAX_NAME = 100
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def create_workspace(session: Session, name: str, slug: str | None = None) -> Workspace:
    """Create a workspace with an empty log, and add it to the session's scope.

    Without ``slug`` one is made from the name.

    Raises:
        Invalid: the name or the slug cannot be used.
        Conflict: another workspace has the slug.
    """
    name = checked_workspace_name(name)
    slug = checked_slug(slug) if slug else _free_slug(session, name)
    workspace = Workspace(id=new_id(), name=name, slug=slug)
    system_log.admit(session, workspace.id)
    if not former_slugs.free(session, workspace.slug):
        raise Conflict(f"The slug {workspace.slug} is taken.")
    try:
        with session.begin_nested():
            session.add(workspace)
    except IntegrityError as error:
        raise Conflict(f"The slug {workspace.slug} is taken.") from error
    head = {"workspace_id": workspace.id, "seq": 0, "redacted_keys": sorted(USUAL_KEYS)}
    session.execute(insert(log_heads).values(head))
    return workspace


def system_workspace(session: Session) -> Workspace:
    """Find or make the internal workspace for events without a tenant, and add it to the scope.

    It has no members; super-admins read it.
    """
    system_log.admit(session, SYSTEM_WORKSPACE_ID)
    system_log.ensure(session)
    return session.get_one(Workspace, SYSTEM_WORKSPACE_ID)


def find_workspace(session: Session, slug: str) -> Workspace | None:
    """Find any workspace by its slug: who may see it is for the caller to decide."""
    if not _SLUG.fullmatch(slug):
        return None
    return session.scalar(select(Workspace).where(Workspace.slug == slug))


def add_member(session: Session, workspace_id: UUID, user_id: UUID, role: Role) -> Membership:
    """Make a person a member; the session's scope must hold the workspace.

    Raises:
        Conflict: they are one already.
    """
    membership = Membership(workspace_id=workspace_id, user_id=user_id, role=role.value)
    if role is Role.ADMIN:
        membership.admin_since = session.scalars(select(func.now())).one()
    try:
        with session.begin_nested():
            session.add(membership)
    except IntegrityError as error:
        raise Conflict("That person is a member already.") from error
    return membership


def workspaces_of(session: Session, user_id: UUID) -> list[tuple[Workspace, Role]]:
    """List a person's active memberships by workspace name; the scope must be that person's.

    The workspaces are detached, so that they can still be read after a commit.
    """
    rows = session.execute(
        select(Workspace, Membership.role)
        .join(Membership, Membership.workspace_id == Workspace.id)
        .where(Membership.user_id == user_id, Membership.disabled_at.is_(None))
        .order_by(func.lower(Workspace.name), Workspace.id)
    ).all()
    for workspace, _ in rows:
        session.expunge(workspace)
    return [(workspace, Role(role)) for workspace, role in rows]


def checked_workspace_name(name: str) -> str:
    """Write a workspace's name on one line.

    Raises:
        Invalid: it says nothing, or too much, or holds what cannot be seen.
    """
    return one_line(name, "A workspace name", MAX_NAME)


def checked_slug(slug: str) -> str:
    """Return ``slug`` if it can be one.

    Raises:
        Invalid: it cannot be a workspace's.
    """
    if not _SLUG.fullmatch(slug) or slug in RESERVED_SLUGS:
        raise Invalid(
            f"The slug {slug!r} cannot be used: 1 to 63 of a–z, 0–9 and hyphens inside,"
            " and none of the words of our own addresses."
        )
    return slug


def _free_slug(session: Session, name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:56].strip("-") or "workspace"
    taken = {
        *session.scalars(select(Workspace.slug).where(Workspace.slug.startswith(stem))),
        *session.scalars(select(FormerSlug.slug).where(FormerSlug.slug.startswith(stem))),
    }
    number, slug = 1, stem
    while slug in taken or slug in RESERVED_SLUGS:
        number += 1
        slug = f"{stem}-{number}"
    return slug
