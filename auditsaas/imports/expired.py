"""Events of a file that are older than its workspace keeps: the next night would remove them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from auditsaas.events.importers.lines import SourceError
from auditsaas.events.schema import EventInput
from auditsaas.workspaces.models import Workspace


class Expired(StrEnum):
    """An import's choice for events past retention."""

    REFUSE = "refuse"
    """It imports nothing of the file, and says how many there are."""
    SKIP = "skip"
    """It refuses them line by line, and imports the others."""
    IMPORT = "import"
    """It imports them all the same, though the next night removes them."""


class ExpiredEvents(SourceError):
    """The file holds events past retention, and the import has no choice for them."""


def oldest_kept(workspace: Workspace, now: datetime) -> datetime | None:
    """Return the time before which events are removed; None where the workspace removes none."""
    days = workspace.kept_days
    return None if days is None else now - timedelta(days=days)


def refuse_expired(
    workspace: Workspace, name: str, events: Iterable[EventInput], oldest: datetime
) -> None:
    """Count what is older than is kept.

    Raises:
        ExpiredEvents: there is any.
    """
    total = expired = 0
    for event in events:
        total += 1
        expired += event.occurred_at is not None and event.occurred_at < oldest
    if expired:
        of_all = f"{expired:,} of {total:,} events" if total > 1 else "the only event"
        verb = "is" if expired == 1 else "are"
        raise ExpiredEvents(f"{name}: {of_all} {verb} older than {workspace.keeps}")
