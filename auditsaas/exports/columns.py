"""The columns of a file, by the names in its header (CONTRACT, "Files")."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.event_fields import TABLE

COLUMNS: Final = tuple(TABLE)
TITLES: Final = {
    "created_at": "Created At",
    "activity": "Activity",
    "status": "Status",
    "status_code": "Status code",
    "method": "HTTP Method",
    "path": "Path",
    "duration_ms": "Response time",
    "user_name": "User name",
    "user_email": "User e-mail",
    "user_id": "User id",
    "user_role": "User role",
    "user_agent": "User Agent",
    "platform": "Platform",
    "ip_address": "IP Address",
    "workspace": "Workspace",
    "request_id": "Request id",
    "targets": "Targets",
    "changes": "Changes",
    "metadata": "Metadata",
    "event_id": "Event id",
    "seq": "Number in the log",
    "source": "Source",
}
"""What people call the columns."""


def chosen_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the named columns, given singly or with commas between; none where none is named.

    Raises:
        InvalidFields: one is unknown, or named twice.
    """
    found = [part.strip() for name in names for part in name.split(",") if part.strip()]
    unknown = [name for name in found if name not in COLUMNS]
    if unknown:
        known = ", ".join(COLUMNS)
        message = f"There is no column “{unknown[0][:40]}”. The columns are {known}."
        raise InvalidFields([FieldError("columns", message)])
    twice = [name for name in COLUMNS if found.count(name) > 1]
    if twice:
        raise InvalidFields([FieldError("columns", f"“{twice[0]}” is named twice.")])
    return tuple(found)
