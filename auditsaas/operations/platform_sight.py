"""Narrows what the platform role sees to what its transaction has noted.

The version before notes nothing, so an upgrade leaves its policies as they are, and
``auditsaas db tighten`` narrows them; a new database is narrow from the start. See ``db.platform``.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

LOOKED_AT: Final = "current_setting('auditsaas.looked_at', true)"
LOOKED_AT_IDS: Final = f"NULLIF({LOOKED_AT}, '')::uuid[]"
CLOSED: Final = "NULLIF(current_setting('auditsaas.not_looked_at', true), '')::uuid[]"

# An array is read only where the setting holds one: the planner tries the branches beforehand.
LOG: Final = (
    f"CASE {LOOKED_AT} WHEN 'all' THEN true"
    f" WHEN 'all but' THEN workspace_id <> ALL ({CLOSED})"
    f" WHEN 'jobs' THEN false"
    f" ELSE workspace_id = ANY ({LOOKED_AT_IDS}) END"
)
EXPORTS: Final = (
    f"CASE {LOOKED_AT} WHEN 'all' THEN true WHEN 'jobs' THEN true"
    f" WHEN 'all but' THEN NOT workspace_ids && {CLOSED}"
    f" ELSE workspace_ids <@ {LOOKED_AT_IDS} END"
)
JOBS: Final = f"{LOOKED_AT} = 'jobs'"

CONDITIONS: Final = {
    **dict.fromkeys(("memberships", "api_keys", "log_heads", "event_counts", "event_days"), LOG),
    **dict.fromkeys(("events", "actors", "actor_emails", "actor_names"), LOG),
    "exports": EXPORTS,
    **dict.fromkeys(("imports", "mails", "schedules", "schedule_runs", "pending_changes"), JOBS),
}
"""The condition of each policy of the role that once let every row through."""

_WIDE = text(
    "SELECT tablename FROM pg_policies WHERE policyname = 'platform' AND qual = 'true' ORDER BY 1"
)


def narrow(connection: Connection) -> None:
    """Let the role see only what its transaction has noted."""
    for table in wide(connection):
        connection.exec_driver_sql(f"ALTER POLICY platform ON {table} USING ({CONDITIONS[table]})")


def wide(connection: Connection) -> list[str]:
    """List the tables of which the role sees every row."""
    return list(connection.scalars(_WIDE))
