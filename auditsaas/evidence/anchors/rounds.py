"""Anchors the newest checkpoint of logs when it is due, and keeps the receipt.

No transaction is open while another party is asked. An anchor is an event of the log, which
thereby grows; so a log is anchored again only after something else was in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.anchors import making
from auditsaas.evidence.anchors.making import Installation
from auditsaas.evidence.anchors.models import anchor_places, anchors
from auditsaas.evidence.anchors.places import COLUMNS, Place
from auditsaas.evidence.anchors.receipt import AnchorFailed, Receipt
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.witnesses import outside
from auditsaas.own_activities import Activity

HELD_FOR: Final = timedelta(minutes=3)
"""How long a worker that is at a place keeps others from it; more than it can take."""
FIRST_PAUSE: Final = timedelta(minutes=1)
AGAIN_AFTER: Final = timedelta(minutes=10)
"""When a log that did not grow is looked at again."""
AT_ONCE: Final = 200
OWN: Final = ("anchor.made", "anchor.failed", "anchor.hold")
"""Events for which alone no log is anchored again."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a turn at a place."""

    anchored: int | None = None
    """The size that was anchored."""
    error: str | None = None


def due(platform: Session) -> list[tuple[UUID, UUID]]:
    """Return the places that are to be used, by workspace and id, longest due first."""
    found = (
        select(anchor_places.c.workspace_id, anchor_places.c.id)
        .where(anchor_places.c.removed_at.is_(None), anchor_places.c.next_try_at <= func.now())
        .order_by(anchor_places.c.next_try_at)
        .limit(AT_ONCE)
    )
    return [(row[0], row[1]) for row in platform.execute(found)]


def anchor(
    session: Session, installation: Installation, workspace_id: UUID, place_id: UUID
) -> Outcome:
    """Anchor what is new of a log at a place; commit, before the place is asked and after.

    The session's scope must hold the workspace.
    """
    place = _claimed(session, workspace_id, place_id)
    sealed = checkpoints.newest(session, workspace_id) if place else None
    if place is None or sealed is None or not _has_grown(session, workspace_id, place, sealed):
        if place:
            _change(session, workspace_id, place, next_try_at=func.now() + AGAIN_AFTER)
        session.commit()
        return Outcome()
    try:
        receipt = making.make(session, installation, workspace_id, place, sealed)
    except AnchorFailed as failed:
        session.rollback()
        return _fail(session, installation, workspace_id, place, sealed, failed)
    return _keep(session, installation, workspace_id, place, sealed, receipt)


def _claimed(session: Session, workspace_id: UUID, place_id: UUID) -> Place | None:
    """Take a place for a while; None where it is not due, as when another took it."""
    row = session.execute(
        update(anchor_places)
        .where(
            *_is(workspace_id, place_id),
            anchor_places.c.removed_at.is_(None),
            anchor_places.c.next_try_at <= func.now(),
        )
        .values(next_try_at=func.now() + HELD_FOR)
        .returning(*COLUMNS)
    ).one_or_none()
    return Place(*row) if row else None


def _has_grown(session: Session, workspace_id: UUID, place: Place, sealed: Sealed) -> bool:
    """Tell whether a log holds something new besides what anchors themselves left in it."""
    if sealed.size < place.last_size:
        return True  # it was closed, and begun anew
    others = select(events.c.seq).where(
        events.c.workspace_id == workspace_id,
        events.c.seq > place.last_size,
        events.c.seq <= sealed.size,
        events.c.activity.not_in(OWN),
    )
    return session.scalar(others.order_by(events.c.seq).limit(1)) is not None


def _keep(
    session: Session,
    installation: Installation,
    workspace_id: UUID,
    place: Place,
    sealed: Sealed,
    receipt: Receipt,
) -> Outcome:
    session.execute(
        insert(anchors).values(
            workspace_id=workspace_id,
            id=new_id(),
            place_id=place.id,
            kind=place.kind,
            size=sealed.size,
            receipt=receipt.data,
            at=receipt.at,
            state="made",
        )
    )
    checkpoints.keep(session, workspace_id, sealed.size)
    outside.note_shown(session, workspace_id, holder(place), sealed.note)
    _change(
        session,
        workspace_id,
        place,
        last_size=sealed.size,
        last_at=receipt.at,
        last_error=None,
        failing_since=None,
        attempts=0,
        next_try_at=func.now() + timedelta(hours=place.hours),
    )
    _record(session, installation, workspace_id, place, "success", {"size": sealed.size})
    session.commit()
    return Outcome(anchored=sealed.size)


def _fail(
    session: Session,
    installation: Installation,
    workspace_id: UUID,
    place: Place,
    sealed: Sealed,
    failed: AnchorFailed,
) -> Outcome:
    """Keep why a place failed; the first time of several is recorded in the log."""
    error = str(failed)[:1000]
    if failed.later:
        later = failed.later
        outside.note_held(session, workspace_id, holder(place), later.checkpoint, later.note)
    if not place.attempts:
        session.execute(
            insert(anchors).values(
                workspace_id=workspace_id,
                id=new_id(),
                place_id=place.id,
                kind=place.kind,
                size=sealed.size,
                at=func.now(),
                state="failed",
                error=error,
            )
        )
        facts = {"size": sealed.size, "reason": error}
        _record(session, installation, workspace_id, place, "error", facts)
    _change(
        session,
        workspace_id,
        place,
        last_error=error,
        failing_since=place.failing_since or func.now(),
        attempts=place.attempts + 1,
        next_try_at=func.now() + pause(place.attempts + 1, place.hours),
    )
    session.commit()
    return Outcome(error=error)


def pause(attempts: int, hours: int) -> timedelta:
    """Return how long a failing place is left alone: a minute, two, four, within its hours."""
    return min(timedelta(hours=hours), FIRST_PAUSE * float(2 ** min(attempts - 1, 12)))


def holder(place: Place) -> str:
    """Return what a place is called among the holders of a log's heads."""
    return f"the anchor {place.name}"


def _record(
    session: Session,
    installation: Installation,
    workspace_id: UUID,
    place: Place,
    status: Literal["success", "error"],
    facts: dict[str, Any],
) -> None:
    tenancy.bind(Scope.of(workspace_id), session)
    own_actions.record(
        session,
        Activity.ANCHOR_MADE if status == "success" else Activity.ANCHOR_FAILED,
        workspaces=[workspace_id],
        actor=own_actions.installation(installation.brand),
        status=status,
        targets=[TargetInput(type="anchor", id=str(place.id), name=place.name)],
        metadata={"kind": place.kind, **facts},
    )


def _is(workspace_id: UUID, place_id: UUID) -> list[ColumnElement[bool]]:
    return [anchor_places.c.workspace_id == workspace_id, anchor_places.c.id == place_id]


def _change(session: Session, workspace_id: UUID, place: Place, **values: object) -> None:
    session.execute(update(anchor_places).where(*_is(workspace_id, place.id)).values(**values))
