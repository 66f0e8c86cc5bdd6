"""Previews an import without storing events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.events.event_sources import CLI
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import Source, untold
from auditsaas.events.importers.registry import checked_format
from auditsaas.events.models import events
from auditsaas.events.stored import stored_event
from auditsaas.events.writing.append import MAX_BATCH
from auditsaas.events.writing.foresight import foresight
from auditsaas.imports.expired import Expired
from auditsaas.imports.load import append_batch, columns, events_to_add
from auditsaas.imports.outcome import Accepted, Outcome
from auditsaas.workspaces.models import Workspace

SHOWN_EVENTS = 10


@dataclass(frozen=True)
class Preview:
    """A preview: the first ten events as they would be stored, and the counts."""

    events: list[dict[str, Any]]
    outcome: Outcome


def preview(
    session: Session,
    workspace: Workspace,
    source: Source,
    file_format: str | Format,
    *,
    zone: tzinfo | None = None,
    expired: Expired = Expired.REFUSE,
    progress: Callable[[int], object] = untold,
) -> Preview:
    """Read a whole file and store nothing.

    The first events are appended and rolled back, so they are shown exactly as they would be.
    The outcome is that of an import now: what is there already, or in conflict, is told apart.

    Raises:
        SourceError: the file is not of the format, or would be refused for what is expired.
    """
    chosen = checked_format(source, file_format, zone)
    outcome = Outcome(chosen.key)
    first: list[Accepted] = []
    found = events_to_add(
        workspace, source, chosen, outcome, zone=zone, expired=expired, progress=progress
    )
    with foresight(session, workspace.id, datetime.now(UTC), CLI) as ahead:
        while batch := list(islice(found, MAX_BATCH)):
            accepted, orders, ids = columns(batch)
            foreseen = ahead.append(accepted, orders=orders, ids=ids)
            outcome.count(batch, foreseen)
            shown = zip(batch, foreseen.conflicting, strict=True)
            first += [item for item, differs in shown if not differs][: SHOWN_EVENTS - len(first)]
    return Preview(_as_stored(session, workspace, first), outcome)


def _as_stored(
    session: Session, workspace: Workspace, first: list[Accepted]
) -> list[dict[str, Any]]:
    if not first:
        return []
    slug = workspace.slug
    appended = append_batch(session, workspace, first, CLI)
    found = session.execute(
        select(events).where(
            events.c.workspace_id == workspace.id, events.c.id.in_(list(appended.ids))
        )
    )
    rows = {row.id: stored_event(row, slug) for row in found}
    session.rollback()
    return [rows[identifier] for identifier in appended.ids]
