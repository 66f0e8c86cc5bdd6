"""What a file would add, shown without adding it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.events.importers.lines import Source, untold
from auditsaas.events.importers.registry import checked_format
from auditsaas.events.models import events
from auditsaas.events.stored import stored_event
from auditsaas.imports.load import Accepted, Outcome, accepted_events, append_batch
from auditsaas.workspaces.models import Workspace

SHOWN_EVENTS = 10


@dataclass(frozen=True)
class Preview:
    """What a file would add: its first ten events as they would be stored, and the counts."""

    events: list[dict[str, Any]]
    outcome: Outcome


def preview(
    session: Session,
    workspace: Workspace,
    source: Source,
    file_format: str,
    *,
    zone: tzinfo | None = None,
    progress: Callable[[int], object] = untold,
) -> Preview:
    """Read a whole file and store nothing.

    The first events are appended and rolled back, so they are shown exactly as they would be.
    ``added`` of the outcome counts every event of the file, wherever it may already be.

    Raises:
        SourceError: the file is not of the format.
    """
    chosen = checked_format(source, file_format, zone)
    outcome = Outcome(chosen.key)
    first: list[Accepted] = []
    for item in accepted_events(source, chosen, zone, outcome, progress):
        outcome.added += 1
        if len(first) < SHOWN_EVENTS:
            first.append(item)
    return Preview(_as_stored(session, workspace, first), outcome)


def _as_stored(
    session: Session, workspace: Workspace, first: list[Accepted]
) -> list[dict[str, Any]]:
    if not first:
        return []
    slug = workspace.slug
    appended = append_batch(session, workspace, first)
    found = session.execute(
        select(events).where(
            events.c.workspace_id == workspace.id, events.c.id.in_(list(appended.ids))
        )
    )
    rows = {row.id: stored_event(row, slug) for row in found}
    session.rollback()
    return [rows[identifier] for identifier in appended.ids]
