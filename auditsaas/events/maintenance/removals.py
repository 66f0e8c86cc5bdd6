"""Notes what retention removed, in the transaction that removes it.

The log tells of it afterwards, and the seeds of what went are destroyed; a run that ends in between
leaves the note to the next. Of a sealed log only sealed numbers go: one that nothing kept a hash of
could not prove that it was old enough to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

_SEALED_TO: Final = text(
    "SELECT coalesce((SELECT size FROM tree_heads WHERE workspace_id = :workspace), max)"
    " FROM (VALUES (9223372036854775807)) AS every (max)"
)
_NOTE: Final = text("""
INSERT INTO removals (workspace_id, before, events, first_seq, last_seq)
VALUES (:workspace, :before, :events, :first, :last)
ON CONFLICT (workspace_id) DO UPDATE SET
    before = greatest(removals.before, excluded.before),
    events = removals.events + excluded.events,
    first_seq = least(removals.first_seq, excluded.first_seq),
    last_seq = greatest(removals.last_seq, excluded.last_seq)
""")
_FORGET_CONTESTS: Final = text("""
DELETE FROM contested_events AS c WHERE workspace_id = :workspace AND event_id < :before
AND NOT EXISTS (SELECT FROM events AS e WHERE e.workspace_id = :workspace AND e.id = c.event_id)
""")


def sealed_to(connection: Connection, workspace: UUID) -> int:
    """Read the newest number that may go: that of the tree, or any where the log has none yet."""
    return int(connection.execute(_SEALED_TO, {"workspace": workspace}).scalar_one())


def note(
    connection: Connection, workspace: UUID, before: datetime, numbers: tuple[int, int], n: int
) -> None:
    """Note that events from before an instant go, and between which numbers they are."""
    first, last = numbers
    values = {"workspace": workspace, "before": before, "first": first, "last": last}
    connection.execute(_NOTE, {**values, "events": n})


def note_month(connection: Connection, name: str, before: Mapping[UUID, datetime]) -> bool:
    """Note that each workspace's events of a month go; False where not all are sealed.

    How many they are is added once they are counted.
    """
    found = text(
        f"SELECT min(seq), max(seq) FROM {name} WHERE workspace_id = :workspace"  # noqa: S608  # a name of the catalogue
    )
    for workspace, cut in sorted(before.items()):
        first, last = connection.execute(found, {"workspace": workspace}).one()
        if last is None:
            continue
        if last > sealed_to(connection, workspace):
            return False
        note(connection, workspace, cut, (first, last), 0)
    return True


def forget_contests(connection: Connection, workspace: UUID, before: UUID) -> None:
    """Forget which events below an id stood beside others, of those that are removed."""
    connection.execute(_FORGET_CONTESTS, {"workspace": workspace, "before": before})
