"""Loads a file into a workspace's log, a committed batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import PurePath
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.events.event_sources import CLI, EventSource
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import Source, untold
from auditsaas.events.importers.outcome import Refused
from auditsaas.events.importers.reading import Reading
from auditsaas.events.importers.registry import checked_format
from auditsaas.events.schema import ActorInput, EventInput, RefusedEvent, TargetInput
from auditsaas.events.writing.amending import event_from_mapping
from auditsaas.events.writing.append import MAX_BATCH, append
from auditsaas.events.writing.outcome import Appended
from auditsaas.imports.expired import Expired, oldest_kept, refuse_expired
from auditsaas.imports.outcome import Accepted, Outcome
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace


def import_source(
    session: Session,
    workspace: Workspace,
    source: Source,
    file_format: str | Format,
    *,
    actor: ActorInput,
    zone: tzinfo | None = None,
    expired: Expired = Expired.REFUSE,
    progress: Callable[[int], object] = untold,
) -> Outcome:
    """Append every line of an operator's file that is an event; the rest is counted.

    Commits batch by batch. The same content never adds an event twice, so an import that was cut
    off is simply run again. ``zone`` is that of times that name none; ``expired`` says what becomes
    of events older than the workspace keeps; ``progress`` is told the bytes of each line read. The
    session's scope must hold the workspace.

    Raises:
        SourceError: the file is not of the format, or it holds expired events that
            ``expired`` does not provide for; nothing was stored.
    """
    chosen = checked_format(source, file_format, zone)
    outcome = Outcome(chosen.key)
    load(
        session,
        workspace,
        source,
        chosen,
        outcome,
        event_source=CLI,
        zone=zone,
        expired=expired,
        progress=progress,
    )
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
    event_source: EventSource,
    zone: tzinfo | None = None,
    expired: Expired = Expired.REFUSE,
    progress: Callable[[int], object] = untold,
    before_commit: Callable[[], object] = lambda: None,
) -> None:
    """Append every line of a checked file that is an event, and count in ``outcome``.

    ``before_commit`` is called in the transaction of each batch, with the batch counted.

    Raises:
        ExpiredEvents: as ``expired`` wants it; nothing was stored.
    """
    found = events_to_add(
        workspace, source, chosen, outcome, zone=zone, expired=expired, progress=progress
    )
    while batch := list(islice(found, MAX_BATCH)):
        outcome.count(batch, append_batch(session, workspace, batch, event_source))
        before_commit()
        session.commit()


def append_batch(
    session: Session, workspace: Workspace, batch: list[Accepted], event_source: EventSource
) -> Appended:
    accepted, orders, ids = columns(batch)
    return append(session, workspace.id, accepted, source=event_source, orders=orders, ids=ids)


def columns(
    batch: Sequence[Accepted],
) -> tuple[list[EventInput], list[int | None], list[UUID | None] | None]:
    """Return the events, orders and ids of a batch as ``append`` takes them."""
    ids = [item.id for item in batch]
    return (
        [item.event for item in batch],
        [item.order for item in batch],
        ids if any(ids) else None,
    )


def events_to_add(
    workspace: Workspace,
    source: Source,
    chosen: Format,
    outcome: Outcome,
    *,
    zone: tzinfo | None,
    expired: Expired,
    progress: Callable[[int], object],
) -> Iterator[Accepted]:
    """Read the events of a file that are to be appended; all else is counted in ``outcome``.

    Raises:
        ExpiredEvents: as ``expired`` wants it, before the first event is given.
    """
    oldest = oldest_kept(workspace, datetime.now(UTC))
    if oldest is not None and expired is Expired.REFUSE:
        unread = accepted_events(source, chosen, zone, Outcome(chosen.key), untold)
        refuse_expired(workspace, source.name, (item.event for item in unread), oldest)
    found = accepted_events(source, chosen, zone, outcome, progress)
    if oldest is None or expired is not Expired.SKIP:
        return found
    return leave_out(found, oldest, f"older than {workspace.keeps}", outcome)


def leave_out(
    found: Iterator[Accepted], oldest: datetime, reason: str, outcome: Outcome
) -> Iterator[Accepted]:
    for item in found:
        if item.event.occurred_at is not None and item.event.occurred_at < oldest:
            outcome.refuse(Refused(item.line, reason, item.byte))
        else:
            yield item


def accepted_events(
    source: Source,
    chosen: Format,
    zone: tzinfo | None,
    outcome: Outcome,
    progress: Callable[[int], object],
) -> Iterator[Accepted]:
    """Read the file's events; count the lines that are none."""
    now = datetime.now(UTC)
    reading = Reading(f"{chosen.key}:{source.identity}", zone, progress=progress)
    for found in chosen.parse(source, reading):
        if isinstance(found, Refused):
            outcome.refuse(found)
            continue
        try:
            event = event_from_mapping(found.event, now, copied=found.id is not None)
        except RefusedEvent as error:
            outcome.refuse(Refused(found.line, str(error), found.byte))
            continue
        yield Accepted(event, found.order, found.id, found.line, found.byte)


def record(
    session: Session,
    workspace_id: UUID,
    *,
    name: str,
    sha256: str,
    actor: ActorInput,
    outcome: Outcome,
) -> None:
    """Append ``log.import`` for a file, and what its events contradict."""
    stored = outcome.added + outcome.already_there
    file = TargetInput(type="file", id=sha256, name=_name(name))
    own_actions.record_differences(
        session,
        workspace_id,
        outcome.differences,
        conflicts=outcome.conflicts,
        contested=outcome.contested,
        actor=actor,
        targets=[file],
    )
    own_actions.record(
        session,
        Activity.LOG_IMPORT,
        workspaces=[workspace_id],
        actor=actor,
        status="error" if (outcome.refused or outcome.conflicts) and not stored else "success",
        targets=[file],
        metadata={
            "format": outcome.format,
            "added": outcome.added,
            "already_there": outcome.already_there,
            "refused": outcome.refused,
            "conflicts": outcome.conflicts,
            "contested": outcome.contested,
        },
    )


def _name(path: str) -> str:
    name = "standard input" if path == "-" else PurePath(path).name
    return name.encode("utf-8", "replace").decode()[:256]
