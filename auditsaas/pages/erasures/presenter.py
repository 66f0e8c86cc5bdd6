"""Erasures as pages show them: their state in words, and one event before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.erasures import parts
from auditsaas.erasures.service import Erasure
from auditsaas.events.labels import label
from auditsaas.events.models import events
from auditsaas.events.presenter import status_words
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer
from auditsaas.pending_changes.models import ChangeState, PendingChange

ERASED: Final = "erased"
LONGEST: Final = 200
"""How much of a value is shown; the event's own page has all of it."""


@dataclass(frozen=True, kw_only=True)
class ShownErasure:
    """A request, its state in words, and the names of those who had to do with it."""

    erasure: Erasure
    state: str
    tone: str
    asked_by: str
    confirmed_by: str | None
    ended_by: str | None

    @property
    def id(self) -> UUID:
        return self.erasure.change.id

    @property
    def waits(self) -> bool:
        return self.erasure.change.state == ChangeState.WAITING

    @property
    def needs_confirming(self) -> bool:
        return self.waits and self.erasure.change.approved_by is None

    @property
    def what(self) -> str:
        """`Name and email, address`."""
        words = ", ".join(part.words for part in self.erasure.parts)
        return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class Line:
    """A field of an event before and after."""

    name: str
    now: str
    after: str
    more: str = ""
    mono: bool = False
    """Whether what is there afterwards is a pseudonym."""

    @property
    def is_erased(self) -> bool:
        return self.after == ERASED


def present(
    session: Session, erasures: Sequence[Erasure], viewer: Viewer
) -> Sequence[ShownErasure]:
    """Present requests, with the names of people by one query."""
    ids = {one for each in erasures for one in _people(each.change)}
    found = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    names: dict[UUID, str] = {row.id: row.name for row in found}
    return [_shown(each, names, viewer) for each in erasures]


def _people(change: PendingChange) -> Iterator[UUID]:
    for person in (change.asked_by, change.approved_by, change.ended_by):
        if person is not None:
            yield person


def _shown(erasure: Erasure, names: Mapping[UUID, str], viewer: Viewer) -> ShownErasure:
    state, tone = _state(erasure, viewer)
    change = erasure.change
    return ShownErasure(
        erasure=erasure,
        state=state,
        tone=tone,
        asked_by=names[change.asked_by],
        confirmed_by=names.get(change.approved_by) if change.approved_by else None,
        ended_by=names.get(change.ended_by) if change.ended_by else None,
    )


def _state(erasure: Erasure, viewer: Viewer) -> tuple[str, str]:
    change, request = erasure.change, erasure.request
    if request.done_at is not None:
        return "Done", "st-ok"
    if change.state == ChangeState.WAITING and change.approved_by is None:
        return "Waits for a second admin", "st-wait"
    if change.state == ChangeState.WAITING:
        return f"Takes effect on {times.date(change.effective_at, viewer)}", "st-wait"
    if change.state != ChangeState.APPLIED:
        return change.state.capitalize(), "st-off"
    if request.stopped_because:
        return "Stopped", "st-err"
    return "Being erased", "st-run"


def sample_of(session: Session, workspace_id: UUID, event_id: UUID) -> Row[Any] | None:
    """Read the event that stands for the others; None where retention removed it."""
    found = select(*ROW_COLUMNS).where(
        events.c.workspace_id == workspace_id, events.c.id == event_id
    )
    return session.execute(found).one_or_none()


def versus(
    event: Row[Any], erased: Sequence[parts.Part], pseudonym: str, viewer: Viewer
) -> Sequence[Line]:
    """Show an event before and after these parts are erased."""
    gone = {part.name for part in erased}
    what = f"{label(event.activity)}, {status_words(event.status)}"
    at = times.stamp(event.occurred_at, viewer)

    def line(name: str, part: str, value: Any, more: str = "") -> Line:
        now = _short(value)
        return Line(name, now, ERASED if part in gone and now != "–" else now, more)

    agent = event.user_agent or f"{event.platform} {event.browser}".strip()
    lines = [
        Line("Activity", what, what),
        Line("Created At", at, at),
        Line(
            "Person’s id",
            event.actor_id,
            pseudonym if "id" in gone else event.actor_id,
            mono="id" in gone,
        ),
        line("Name", "person", event.actor_name),
        line("Email", "person", event.actor_email),
        line("IP Address", "address", event.ip),
        line("User Agent", "client", agent),
        line("Targets", "targets", event.targets),
        line("Changes", "changes", event.changes),
        line("Metadata", "metadata", event.metadata),
        line("Path", "", event.path),
    ]
    return [one for one in lines if one.now != "–"]


def _short(value: Any) -> str:
    if value in (None, ""):
        return "–"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
