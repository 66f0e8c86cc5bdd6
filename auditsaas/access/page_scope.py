"""Loads the scope of a page: one workspace, all of a person's, or all there are.

A feature adds what it knows to it (``LogScope``, ``ExportScope``); the addresses, the check of
rights, and the sessions besides the request's own are here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Blueprint, Flask, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.access import loaders, looking
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.db import replica
from auditsaas.db.platform import NOTHING, platform_session
from auditsaas.extensions import db
from auditsaas.permissions import Permission
from auditsaas.workspaces.models import NamedWorkspace, Workspace

OWN_PREFIXES = ("", "/w/<slug>")
PREFIXES = (*OWN_PREFIXES, "/admin")
"""The prefixes of the addresses of the three scopes."""

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class PageScope:
    """The workspaces of a page, what the person may do there, and where its addresses begin."""

    prefix: str
    workspaces: Sequence[NamedWorkspace]
    held: Sequence[WorkspaceAccess] = ()
    """The person's own access to these workspaces; none across all there are."""
    several: bool
    platform: Session | None = None
    """The session that reads across workspaces, where a super-admin does."""

    def allows(self, permission: Permission) -> bool:
        """Check that the person holds the permission in one of the workspaces."""
        return any(access.allows(permission) for access in self.held)


def load(slug: str | None, permission: Permission) -> PageScope:
    """Load the scope of the request's address, bound to the session.

    Raises:
        NotFound: there is no such workspace for this person, or they are not a super-admin.
        Forbidden: their role lacks the permission.
    """
    if request.path.startswith("/admin/"):
        return load_everything()
    if slug is None:
        held = loaders.load_all(permission)
        return PageScope(prefix="", workspaces=held, held=held, several=True)
    access = loaders.load_workspace(slug, permission)
    return PageScope(prefix=f"/w/{access.slug}", workspaces=[access], held=[access], several=False)


def load_everything() -> PageScope:
    """Load every workspace for a super-admin, and the session that is to read them."""
    loaders.load_platform()
    workspaces, session = load_names()
    return PageScope(prefix="/admin", workspaces=workspaces, several=True, platform=session)


def load_names() -> tuple[Sequence[NamedWorkspace], Session]:
    """Load the names of every workspace through the platform pool, and the session that did.

    It sees nothing of what is in them before ``platform_guard`` has begun a look.
    """
    session = closed_with_request(platform_session(NOTHING))
    workspaces = session.execute(
        select(Workspace.id, Workspace.slug, Workspace.name).order_by(Workspace.name)
    ).all()
    return workspaces, session


def reading_session() -> Session:
    """Return a session on a replica that has all that the request's own would read, or that one."""
    primary = db.session()
    other = replica.page_session(primary, primary.info["scope"])
    return primary if other is None else closed_with_request(other)


def closed_with_request(session: Session) -> Session:
    """Keep a session open until the request ends."""
    g.setdefault("other_sessions", []).append(session)
    return session


def install(app: Flask) -> None:
    """Tell of looks, and close what ``closed_with_request`` was given, whichever page answered."""
    looking.install(app)
    app.teardown_request(_close_sessions)


def _close_sessions(_: BaseException | None) -> None:
    for session in g.pop("other_sessions", ()):
        session.close()


def in_each_scope(
    blueprint: Blueprint, path: str, *, method: str = "GET", prefixes: Sequence[str] = PREFIXES
) -> Callable[[View], View]:
    """Register a view at ``path`` of each scope; it takes ``slug`` where a workspace is named."""

    def register(view: View) -> View:
        for prefix in prefixes:
            blueprint.add_url_rule(prefix + path, view_func=view, methods=[method])
        return view

    return register
