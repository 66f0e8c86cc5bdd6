"""Presents where checkpoints of a log are anchored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.anchors import places
from auditsaas.evidence.anchors.models import AnchorKind, anchors
from auditsaas.evidence.anchors.places import HOURLY, Place
from auditsaas.formatting.visible_text import visible
from auditsaas.pages.evidence.holding import lanes
from auditsaas.pages.evidence.holding.holder import Holder

NEWEST: Final = 5_000
"""Anchors that are looked at: more than all places of a log make in a day."""
MADE: Final = "made"

_WORDS: Final[Mapping[str, str]] = {
    AnchorKind.S3: "Locked",
    AnchorKind.TSA: "Stamped",
    AnchorKind.WORKSPACE: "Kept",
}
_WHERE: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    AnchorKind.S3: lambda known: f"{known['url']}, locked for {known['retain_days']:,} days",
    AnchorKind.TSA: lambda known: f"{known['url']}, RFC 3161",
    AnchorKind.WORKSPACE: lambda known: f"The log of {known.get('slug', known['workspace'])}",
}


def listed(session: Session, workspace_id: UUID, now: datetime) -> list[Holder]:
    """Present the places where a log is anchored, and the mails of its reports."""
    made = _made(session, workspace_id, now)
    found = [_place(one, made.get(one.id, ()), now) for one in places.listed(session, workspace_id)]
    return [*found, *_mails(session, workspace_id, made.get(None, ()), now)]


def _place(one: Place, made: Sequence[datetime], now: datetime) -> Holder:
    if one.failing_since is not None:
        state = "silent"
    else:
        state = "waits" if one.last_at is None else "holds"
    return Holder(
        name=visible(one.name),
        tags=("Hourly" if one.hours == HOURLY else "Daily",),
        where=visible(_WHERE[one.kind](one.config)),
        size=one.last_size,
        at=one.last_at,
        state=state,
        word=_WORDS[one.kind],
        is_witness=False,
        silent_since=one.failing_since,
        error=visible(one.last_error or ""),
        lane=lanes.marks([lanes.unit_of(at, now) for at in made], one.failing_since, now),
        taken=len(made),
    )


def _mails(
    session: Session, workspace_id: UUID, made: Sequence[datetime], now: datetime
) -> list[Holder]:
    newest = (
        select(anchors.c.size, anchors.c.at)
        .where(anchors.c.workspace_id == workspace_id, anchors.c.kind == AnchorKind.MAIL)
        .order_by(anchors.c.id.desc())
        .limit(1)
    )
    last = session.execute(newest).one_or_none()
    if last is None:
        return []
    mail = Holder(
        name="Mail",
        tags=("With each report",),
        where="In the mailboxes of those who get scheduled reports",
        size=last.size,
        at=last.at,
        state="holds",
        word="Sent",
        is_witness=False,
        silent_since=None,
        error="",
        lane=lanes.marks([lanes.unit_of(at, now) for at in made], None, now),
        taken=len(made),
    )
    return [mail]


def _made(
    session: Session, workspace_id: UUID, now: datetime
) -> Mapping[UUID | None, Sequence[datetime]]:
    """Read when anchors were made in the last 24 hours, by place; None are mails."""
    newest = (
        select(anchors.c.place_id, anchors.c.at, anchors.c.state)
        .where(anchors.c.workspace_id == workspace_id)
        .order_by(anchors.c.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    recent = select(newest).where(newest.c.at >= now - lanes.DAY, newest.c.state == MADE)
    made: dict[UUID | None, list[datetime]] = defaultdict(list)
    for row in session.execute(recent):
        made[row.place_id].append(row.at)
    return made
