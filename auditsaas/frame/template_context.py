"""The context of every template, read from the database on first use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from flask import g, request
from werkzeug.local import LocalProxy

from auditsaas import current_request
from auditsaas.access.browser import signed_in
from auditsaas.access.current import require_asking, viewer
from auditsaas.access.loaders import WorkspaceAccess, my_workspaces
from auditsaas.extensions import db, settings
from auditsaas.notifications.service import count_unread
from auditsaas.permissions import ROLE_PERMISSIONS


class Nav:
    """The top bar: the section of the page, and the links that this person may follow."""

    @property
    def workspace(self) -> WorkspaceAccess | None:
        loaded: WorkspaceAccess | None = g.get("workspace")
        return loaded

    @cached_property
    def workspaces(self) -> Sequence[WorkspaceAccess]:
        return my_workspaces() if signed_in() else ()

    @property
    def section(self) -> str:
        """`audit-logs` for `/audit-logs` and `/w/acme/audit-logs`; `admin-exports` and so on."""
        first, second, third, *_ = [*request.path.strip("/").split("/"), "", ""]
        if first == "w":
            return third
        return f"admin-{second}" if first == "admin" else first

    @property
    def permissions(self) -> set[str]:
        """Return the permissions in the page's workspace, or in any of the person's workspaces."""
        places = [self.workspace] if self.workspace else self.workspaces
        return {permission.value for place in places for permission in ROLE_PERMISSIONS[place.role]}


def context() -> dict[str, Any]:
    return {
        "brand": settings().brand_name,
        "nav": Nav(),
        "viewer": viewer(),
        "unread": LocalProxy(_unread),
        "is_partial": current_request.is_partial(),
        "request_id": current_request.request_id(),
    }


def _unread() -> int:
    """Count the signed-in person's unread notifications."""
    person = signed_in()
    if person is None:
        return 0
    if "unread" not in g:
        known = require_asking().unread
        g.unread = count_unread(db.session(), person.id) if known is None else known
    return int(g.unread)
