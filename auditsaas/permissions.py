"""Roles and their permissions, as data for views, menus and tests."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    ADMIN = "admin"
    AUDITOR = "auditor"
    MEMBER = "member"


class Permission(StrEnum):
    LOG_READ = "log.read"
    EXPORT_CREATE = "export.create"
    EXPORT_READ_ALL = "export.read_all"
    VIEW_SHARE = "view.share"
    """Share saved views, and change those that others shared."""
    MEMBER_MANAGE = "member.manage"
    API_KEY_MANAGE = "api_key.manage"
    WORKSPACE_MANAGE = "workspace.manage"


ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.AUDITOR: frozenset({Permission.LOG_READ, Permission.EXPORT_CREATE}),
    Role.MEMBER: frozenset(),
}


class ApiScope(StrEnum):
    EVENTS_WRITE = "events:write"
    EVENTS_READ = "events:read"
    EXPORTS = "exports"


def allows(role: Role, permission: Permission) -> bool:
    return permission in ROLE_PERMISSIONS[role]
