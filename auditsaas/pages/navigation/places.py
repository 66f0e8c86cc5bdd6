"""The places that a person can be in, and where they land."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from auditsaas.access.browser import Identity
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.pages.navigation import groups
from auditsaas.pages.navigation.entries import Place
from auditsaas.permissions import ROLE_PERMISSIONS, Permission, allows

PLATFORM: Final = Place("Every workspace", "/admin", groups.OF_THE_PLATFORM)
ACCOUNT: Final = Place("Account", "", (groups.ACCOUNT,))


def of_one(access: WorkspaceAccess) -> Place:
    """Build the place of one workspace, with what the person may do there."""
    held = ROLE_PERMISSIONS[access.role]
    return Place(access.name, f"/w/{access.slug}", groups.OF_ONE_WORKSPACE, held)


def of_all(workspaces: Sequence[WorkspaceAccess]) -> Place:
    """Build the place of all these workspaces, with what the person may do in any of them."""
    held = frozenset[Permission]().union(*(ROLE_PERMISSIONS[one.role] for one in workspaces))
    return Place("All my workspaces", "", groups.OF_ALL_WORKSPACES, held)


def only_one(workspaces: Sequence[WorkspaceAccess]) -> WorkspaceAccess | None:
    """Return the workspace of a person who has exactly one."""
    return workspaces[0] if len(workspaces) == 1 else None


def landing(person: Identity, workspaces: Sequence[WorkspaceAccess]) -> str:
    """Return the address where a person begins: the log that they may read, or what they have."""
    readable = [one for one in workspaces if allows(one.role, Permission.LOG_READ)]
    one = only_one(readable)
    if one:
        return f"/w/{one.slug}/audit-logs"
    if readable:
        return "/audit-logs"
    return "/admin" if person.is_super_admin else "/me/activity"
