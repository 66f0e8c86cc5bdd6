"""The pages that a person can go to, in groups by the question that each answers.

A page that comes to exist gets its line here: the bar, its second row, the menu of small screens
and Go to are made from these records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auditsaas.permissions import Permission


@dataclass(frozen=True)
class Page:
    label: str
    path: str
    """Below its place: `/w/{slug}`, `/admin`, or nothing for all workspaces and the account."""
    permission: Permission | None = None
    also: str = ""
    """Other words by which Go to finds it."""
    holds: tuple[str, ...] = ()
    """Paths of pages that stand below this one, and do not begin with its path."""

    def is_above(self, path: str) -> bool:
        """Tell whether ``path`` is this page's, or that of a page below it."""
        return any(f"{path}/".startswith(f"{own}/") for own in (self.path, *self.holds))


@dataclass(frozen=True)
class Group:
    """One entry of the bar; it leads to the first of its pages that the person may open."""

    label: str
    pages: tuple[Page, ...]


LOG: Final = Group(
    "Audit Logs",
    (
        Page(
            "Audit Logs",
            "/audit-logs",
            Permission.LOG_READ,
            "log events activity saved views",
            holds=("/views",),
        ),
    ),
)
DELIVERY: Final = Group(
    "Delivery",
    (
        Page("Exports", "/exports", Permission.EXPORT_CREATE, "downloads files csv pdf"),
        Page("Schedules", "/schedules", Permission.EXPORT_CREATE, "reports mail"),
    ),
)
EVIDENCE: Final = Group(
    "Evidence",
    (
        Page("Integrity", "/integrity", Permission.LOG_READ, "seal proof checkpoint keys"),
        Page("Who read the log", "/reads", Permission.LOG_READ, "readers looks"),
        Page(
            "Access requests",
            "/access-requests",
            Permission.WORKSPACE_MANAGE,
            "super-admins approval",
        ),
        Page("Erasures", "/erasures", Permission.WORKSPACE_MANAGE, "erase person privacy gdpr"),
    ),
)
SETTINGS: Final = Group(
    "Settings",
    (
        Page("General", "/settings", Permission.WORKSPACE_MANAGE, "settings name slug redacted"),
        Page("Retention", "/settings/retention", Permission.WORKSPACE_MANAGE, "legal hold keep"),
        Page("Members", "/members", Permission.MEMBER_MANAGE, "people roles invitations"),
        Page("API keys", "/api-keys", Permission.API_KEY_MANAGE, "tokens scopes"),
        Page("Imports", "/imports", Permission.WORKSPACE_MANAGE, "upload files mappings"),
        Page("Usage", "/settings/usage", Permission.WORKSPACE_MANAGE, "quotas limits storage"),
    ),
)

OF_ONE_WORKSPACE: Final = (LOG, DELIVERY, EVIDENCE, SETTINGS)
OF_ALL_WORKSPACES: Final = (LOG, DELIVERY)
OF_THE_PLATFORM: Final = (
    Group("Audit Logs", (Page("Audit Logs", "/audit-logs", also="log events activity"),)),
    Group(
        "Workspaces",
        (
            Page(
                "Workspaces",
                "/workspaces",
                also="tenants customers suspend add a person",
                holds=("/members",),
            ),
            Page("Access requests", "/access/requests", also="approval reason"),
        ),
    ),
    Group("Users", (Page("Users", "/users", also="people disable"),)),
    Group("Exports", (Page("Exports", "/exports", also="downloads files"),)),
    Group("System", (Page("System", "/system", also="health queue workers"),)),
)
ACCOUNT: Final = Group(
    "Account",
    (
        Page("Account", "/account", also="name time zone date format theme preferences"),
        Page("Security", "/account/security", also="password second factor passkeys"),
        Page("Sessions", "/account/sessions", also="browsers devices sign out"),
        Page("My activity", "/me/activity", also="what i did"),
        Page("Notifications", "/notifications", also="bell mails"),
    ),
)
