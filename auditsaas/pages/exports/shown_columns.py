"""The columns of a file that say what the log's table shows to a person."""

from __future__ import annotations

from typing import Final

from auditsaas.formatting.viewer import Viewer

OF_TABLE: Final = {
    "activity": ("activity", "method", "targets"),
    "response": ("duration_ms",),
    "status": ("status", "status_code"),
    "user": ("user_name", "user_email"),
    "user_agent": ("platform", "user_agent"),
    "ip": ("ip_address",),
    "workspace": ("workspace",),
    "created_at": ("created_at",),
    "source": ("source",),
}
"""The columns of files by those of the table, in its order."""


def shown_columns(viewer: Viewer, *, several: bool) -> list[str]:
    """List the columns of a file that hold what the person's table shows."""
    hidden = set(viewer.hidden_columns)
    if not several and viewer.workspace_inside:
        hidden.discard("workspace")
    elif not several:
        hidden.add("workspace")
    return [name for shown, names in OF_TABLE.items() if shown not in hidden for name in names]
