"""A stored event as the API, JSONL files and the drawer give it (CONTRACT, "An event")."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

OPTIONAL = ("method", "path", "status_code", "ip", "user_agent")
TRAILING = ("request_id", "targets", "changes", "metadata", "idempotency_key")


def stored_event(row: Row[Any], workspace: str) -> dict[str, Any]:
    """Build the API's event from a row of the log; fields that were not sent are left out."""
    actor = {
        name: value
        for name, value in (
            ("id", row.actor_id),
            ("name", row.actor_name),
            ("email", row.actor_email),
            ("role", row.actor_role),
            ("status", row.actor_status),
        )
        if value is not None
    }
    event: dict[str, Any] = {
        "id": str(row.id),
        "seq": row.seq,
        "workspace": workspace,
        "occurred_at": rfc3339(row.occurred_at),
        "received_at": rfc3339(row.received_at),
        "activity": row.activity,
        "status": row.status,
        "actor": actor,
    }
    event |= {name: getattr(row, name) for name in OPTIONAL if getattr(row, name) is not None}
    event |= {"platform": row.platform, "browser": row.browser}
    if row.duration_ms is not None:
        whole = row.duration_ms.is_integer()
        event["duration_ms"] = int(row.duration_ms) if whole else row.duration_ms
    return event | {name: getattr(row, name) for name in TRAILING if getattr(row, name) is not None}


def rfc3339(moment: datetime) -> str:
    """An instant in UTC (RFC 3339), with as many decimals as it has."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
