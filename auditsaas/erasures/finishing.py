"""Ends an erasure: removes what is known of the person beside the log, records it and tells."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Table, delete, func, select, update
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.erasures import parts
from auditsaas.erasures.erasing import ERASING, locked
from auditsaas.erasures.models import requests
from auditsaas.events.models import actor_emails, actor_names, actors, events
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import erasures
from auditsaas.own_activities import Activity
from auditsaas.pending_changes import telling
from auditsaas.pending_changes.models import PendingChange

NAMES_LENGTH: Final = 256
MOST_RANGES: Final = 200
"""How many ranges of numbers the event names; of more it says that there are more."""


def finish(session: Session, workspace_id: UUID, request_id: UUID, brand: str) -> None:
    """End a request whose last event was erased; the caller commits."""
    tenancy.bind(Scope.of(workspace_id), session)
    session.execute(ERASING)
    request = locked(session, workspace_id, request_id)
    if request is None or request.done_at is not None:
        return
    if {leaf.PERSON, leaf.ACTOR_ID} & set(request.slots):
        _forget_names(session, request)
    same = requests.c.workspace_id == workspace_id, requests.c.pseudonym == request.pseudonym
    waits = select(PendingChange.id).where(
        PendingChange.workspace_id == workspace_id,
        PendingChange.id == requests.c.id,
        PendingChange.id != request_id,
        PendingChange.state.in_(("waiting", "applied")),
    )
    others = requests.c.done_at.is_(None) & waits.exists()
    session.execute(update(requests).where(*same, ~others).values(person=None))
    session.execute(
        update(requests)
        .where(*same, requests.c.id == request_id)
        .values(done_at=func.now(), stopped_because=None)
    )
    _tell(session, request, brand)


def _forget_names(session: Session, request: Row[Any]) -> None:
    """Remove the person's names and addresses, but for those of events that stay as they are."""
    here, person = request.workspace_id, request.person
    later = (
        events.c.workspace_id == here,
        events.c.actor_id == person,
        events.c.seq > request.up_to,
    )
    email = select(func.fold_text(events.c.actor_email)).where(*later)
    name = select(func.left(func.fold_text(events.c.actor_name), NAMES_LENGTH)).where(*later)
    if session.scalar(select(events.c.id).where(*later).limit(1)) is None:
        session.execute(_of(actors, here, actors.c.id == person))
    for table, column, stays in (
        (actor_emails, actor_emails.c.email, email.where(events.c.actor_email.is_not(None))),
        (actor_names, actor_names.c.name, name.where(events.c.actor_name.is_not(None))),
    ):
        gone = (table.c.actor_id == person) & column.not_in(stays)
        session.execute(_of(table, here, gone))


def _of(table: Table, workspace_id: UUID, gone: Any) -> Any:
    return delete(table).where(table.c.workspace_id == workspace_id, gone)


def _tell(session: Session, request: Row[Any], brand: str) -> None:
    change = session.get_one(PendingChange, (request.workspace_id, request.id))
    own_actions.record(
        session,
        Activity.ERASURE_APPLY,
        workspaces=[request.workspace_id],
        actor=own_actions.installation(brand),
        targets=[TargetInput(type="erasure", id=str(request.id), name=request.pseudonym)],
        metadata={
            "pseudonym": request.pseudonym,
            "parts": [part.words for part in parts.of_slots(request.slots)],
            "slots": list(request.slots),
            "events": request.erased,
            **_numbers(session, request),
            "reason": change.reason,
            "asked_by": str(change.asked_by),
            "confirmed_by": str(change.approved_by),
        },
    )
    asker = session.get_one(User, change.asked_by).name
    telling.tell(session, change, "change.applied", by=asker)


def _numbers(session: Session, request: Row[Any]) -> dict[str, Any]:
    """List the numbers of the events in ranges, so that receivers can follow."""
    seq = erasures.c.seq
    run = (seq - func.row_number().over(order_by=seq)).label("run")
    theirs = (
        select(seq, run)
        .where(erasures.c.workspace_id == request.workspace_id, erasures.c.request_id == request.id)
        .subquery()
    )
    ranges = session.execute(
        select(func.min(theirs.c.seq), func.max(theirs.c.seq))
        .group_by(theirs.c.run)
        .order_by(func.min(theirs.c.seq))
        .limit(MOST_RANGES + 1)
    ).all()
    listed = [str(low) if low == high else f"{low}-{high}" for low, high in ranges[:MOST_RANGES]]
    return {"numbers": listed} | ({"more_numbers": True} if len(ranges) > MOST_RANGES else {})
