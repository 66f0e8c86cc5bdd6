"""The first arrival of a request, by the key that its sender gave it as a whole.

An event is one for ever by its key and its time. Where the time is that of arrival, a request that
is sent again has to be given the arrival of its first time; this remembers it, for each sender
apart: who takes another's key first does not date the other's events.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from auditsaas.events.event_sources import EventSource

KEPT = timedelta(days=7)
"""The least time for which an arrival is remembered."""

# Each new key lets two go that are past their time, so the table stays as small as its traffic.
_FIRST_ARRIVAL = text("""
WITH past AS (
    SELECT key FROM request_keys
    WHERE workspace_id = :workspace AND arrived_at < :forgotten AND key <> :key
    ORDER BY arrived_at LIMIT 2 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM request_keys WHERE workspace_id = :workspace AND key IN (SELECT key FROM past)
)
INSERT INTO request_keys (workspace_id, key, arrived_at)
VALUES (:workspace, :key, coalesce((
    SELECT arrived_at FROM request_keys WHERE workspace_id = :workspace AND key = :bare
), :now))
ON CONFLICT (workspace_id, key) DO UPDATE SET key = EXCLUDED.key
RETURNING arrived_at
""")


def first_arrival(
    session: Session, workspace_id: UUID, source: EventSource, key: str, now: datetime
) -> datetime:
    """Read when a sender's request of this key first came; ``now`` where it has not before.

    Of several at once all wait for the first to commit, and get its time. The version before kept
    keys without their sender; those of its last days count for each.
    """
    asked = {"workspace": workspace_id, "key": f"{source} {key}", "bare": key}
    asked |= {"now": now, "forgotten": now - KEPT}
    found: datetime = session.execute(_FIRST_ARRIVAL, asked).scalar_one()
    return found
