"""Loads a file into a workspace's log, a committed batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import PurePath
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.events.append import MAX_BATCH, Appended, append
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import Source, untold
from auditsaas.events.importers.outcome import Refused
from auditsaas.events.importers.reading import Reading
from auditsaas.events.importers.registry import checked_format
from auditsaas.events.schema import ActorInput, EventInput, RefusedEvent, TargetInput, from_mapping
from auditsaas.own_actions import Activity
from auditsaas.workspaces.models import Workspace

SHOWN_REFUSALS = 20

Accepted = tuple[EventInput, int | None, UUID | None]
"""An event, its place in its instant, and the id that it has already."""


@dataclass
class Outcome:
    """What became of the lines so far."""

    format: str
    added: int = 0
    already_there: int = 0
    refused: int = 0
    first_refused: list[Refused] = field(default_factory=list)
    shown: int = SHOWN_REFUSALS
    """How many of the refused are kept."""

    def refuse(self, line: Refused) -> None:
        self.refused += 1
        if len(self.first_refused) < self.shown:
            self.first_refused.append(line)

    def __str__(self) -> str:
        """`9,999 events added, 0 already there, 1 line refused`."""
        events = "event" if self.added == 1 else "events"
        lines = "line" if self.refused == 1 else "lines"
        return (
            f"{self.added:,} {events} added, {self.already_there:,} already there,"
            f" {self.refused:,} {lines} refused"
        )


def import_source(
    session: Session,
    workspace: Workspace,
    source: Source,
    file_format: str,
    *,
    actor: ActorInput,
    zone: tzinfo | None = None,
    progress: Callable[[int], object] = untold,
) -> Outcome:
    """Append every line that is an event; the rest is counted. Commits batch by batch.

    The same content never adds an event twice, so an import that was cut off is simply run again.
    ``zone`` is that of times that name none; ``progress`` is told the bytes of each line read. The
    session's scope must hold the workspace.

    Raises:
        SourceError: the file is not of the format; nothing was stored.
    """
    chosen = checked_format(source, file_format, zone)
    outcome = Outcome(chosen.key)
    load(session, workspace, source, chosen, outcome, zone=zone, progress=progress)
    record(
        session,
        workspace.id,
        name=source.name,
        sha256=source.identity,
        actor=actor,
        outcome=outcome,
    )
    session.commit()
    return outcome


def load(
    session: Session,
    workspace: Workspace,
    source: Source,
    chosen: Format,
    outcome: Outcome,
    *,
    zone: tzinfo | None = None,
    progress: Callable[[int], object] = untold,
    before_commit: Callable[[], object] = lambda: None,
) -> None:
    """Append every line of a checked file that is an event, and count in ``outcome``.

    ``before_commit`` is called in the transaction of each batch, with the batch counted.
    """
    found = accepted_events(source, chosen, zone, outcome, progress)
    while batch := list(islice(found, MAX_BATCH)):
        appended = append_batch(session, workspace, batch)
        outcome.added += appended.accepted
        outcome.already_there += appended.duplicates
        before_commit()
        session.commit()


def append_batch(session: Session, workspace: Workspace, batch: list[Accepted]) -> Appended:
    accepted, orders, ids = zip(*batch, strict=True)
    return append(session, workspace.id, accepted, orders=orders, ids=ids if any(ids) else None)


def accepted_events(
    source: Source,
    chosen: Format,
    zone: tzinfo | None,
    outcome: Outcome,
    progress: Callable[[int], object],
) -> Iterator[Accepted]:
    """What is an event; what is not is counted."""
    now = datetime.now(UTC)
    reading = Reading(f"{chosen.key}:{source.identity}", zone, progress=progress)
    for found in chosen.parse(source, reading):
        if isinstance(found, Refused):
            outcome.refuse(found)
            continue
        try:
            event = from_mapping(found.event, now)
        except RefusedEvent as error:
            outcome.refuse(Refused(found.line, str(error), found.byte))
            continue
        yield event, found.order, found.id


def record(
    session: Session,
    workspace_id: UUID,
    *,
    name: str,
    sha256: str,
    actor: ActorInput,
    outcome: Outcome,
) -> None:
    """Append ``log.import`` for a file."""
    stored = outcome.added + outcome.already_there
    own_actions.record(
        session,
        Activity.LOG_IMPORT,
        workspaces=[workspace_id],
        actor=actor,
        status="error" if outcome.refused and not stored else "success",
        targets=[TargetInput(type="file", id=sha256, name=_name(name))],
        metadata={
            "format": outcome.format,
            "added": outcome.added,
            "already_there": outcome.already_there,
            "refused": outcome.refused,
        },
    )


def _name(path: str) -> str:
    name = "standard input" if path == "-" else PurePath(path).name
    return name.encode("utf-8", "replace").decode()[:256]
