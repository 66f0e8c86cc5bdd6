"""The context of every template, read from the database on first use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from flask import g, request
from werkzeug.local import LocalProxy

from auditsaas import current_request
from auditsaas.access.browser import signed_in
from auditsaas.access.current import require_asking, viewer
from auditsaas.access.loaders import WorkspaceAccess, my_workspaces
from auditsaas.extensions import db, settings
from auditsaas.notifications.service import count_unread
from auditsaas.pages.navigation import places
from auditsaas.pages.navigation.entries import Entry, Place, entries

KEPT: Final = ("/audit-logs", "/exports", "/schedules")
"""Pages that stay when the workspace is switched, for each has them."""


class Nav:
    """The navigation of a page: its groups, the switcher's workspaces, and where the page is."""

    @property
    def workspace(self) -> WorkspaceAccess | None:
        """Return the workspace that the page is of."""
        loaded: WorkspaceAccess | None = g.get("workspace")
        return loaded

    @cached_property
    def workspaces(self) -> Sequence[WorkspaceAccess]:
        return my_workspaces() if signed_in() else ()

    @property
    def on_platform(self) -> bool:
        """Tell whether this is a page across workspaces, which only super-admins see."""
        return request.path.startswith("/admin")

    @cached_property
    def shown(self) -> WorkspaceAccess | None:
        """Return the workspace whose pages the bar shows: the page's, or the person's only one."""
        return None if self.on_platform else self.workspace or places.only_one(self.workspaces)

    @cached_property
    def place(self) -> Place:
        if self.shown:
            return places.of_one(self.shown)
        person = signed_in()
        is_platform = self.on_platform or not self.workspaces
        if is_platform and person and person.is_super_admin:
            return places.PLATFORM
        return places.of_all(self.workspaces)

    @cached_property
    def groups(self) -> Sequence[Entry]:
        """Return the entries of the bar."""
        return entries(self.place, request.path)

    @cached_property
    def account(self) -> Entry:
        """Return the pages about the person, to which their own menu leads."""
        [account] = entries(places.ACCOUNT, request.path)
        return account

    @property
    def second_row(self) -> Entry | None:
        """Return the entry that the page belongs to, where that has several pages."""
        found = (entry for entry in (*self.groups, self.account) if entry.current)
        return next((entry for entry in found if len(entry.pages) > 1), None)

    @property
    def switches(self) -> bool:
        """Tell whether there is another place to switch to."""
        person = signed_in()
        return len(self.workspaces) > 1 or bool(person and person.is_super_admin)

    @property
    def kept_path(self) -> str:
        """Return the path of a page that every place has: this one, or the log."""
        path = request.path.removeprefix(self.place.base)
        return next((kept for kept in KEPT if f"{path}/".startswith(f"{kept}/")), KEPT[0])


def context() -> dict[str, Any]:
    return {
        "brand": settings().brand_name,
        "nav": Nav(),
        "viewer": viewer(),
        "unread": LocalProxy(_unread),
        "awaits_export": signed_in() is not None and require_asking().awaits_export,
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
