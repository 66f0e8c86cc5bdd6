"""The outbox of accounts: what visitors who are not signed in did to them, for a worker.

A request that is refused, or that asks for a reset link, does the same work whether an account has
the address or not, and in however many workspaces its person is: it writes one row. Finding the
person, recording in each of their logs and making the link are a worker's, whose time is not seen
from outside.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import AccountOutbox
from auditsaas.accounts.service import normal_email
from auditsaas.own_actions import RequestFacts
from auditsaas.text import as_storable


class OutboxKind(StrEnum):
    """Kinds of rows: a refused sign-in, or a request for a reset link."""

    REFUSAL = "refusal"
    RESET = "reset"


@dataclass(frozen=True)
class Noted:
    """The contents of a row."""

    kind: OutboxKind
    address: str | None
    """What was typed; None where that is no address, for it may be a password."""
    reason: str | None
    """Why a sign-in was refused."""
    facts: RequestFacts
    at: datetime


def note_refusal(session: Session, email: str, reason: str, facts: RequestFacts) -> None:
    """Note a refused sign-in, in the caller's transaction."""
    _note(session, OutboxKind.REFUSAL, email, facts, reason)


def note_reset_request(session: Session, email: str, facts: RequestFacts) -> None:
    """Note that a reset link was asked for, in the caller's transaction."""
    _note(session, OutboxKind.RESET, email, facts)


def waiting(session: Session, limit: int, *, besides: Collection[UUID] = ()) -> list[UUID]:
    """Select the oldest rows, at most ``limit``, but those named ``besides``."""
    found = select(AccountOutbox.id).where(AccountOutbox.id.not_in(besides))
    return list(session.scalars(found.order_by(AccountOutbox.id).limit(limit)))


def take(session: Session, row_id: UUID) -> Noted | None:
    """Take a row out, in the caller's transaction; None where another worker has it."""
    mine = select(AccountOutbox).where(AccountOutbox.id == row_id)
    row = session.scalar(mine.with_for_update(skip_locked=True))
    if row is None:
        return None
    facts = RequestFacts(started=0.0, **row.facts)
    noted = Noted(OutboxKind(row.kind), row.address, row.reason, facts, row.created_at)
    session.execute(delete(AccountOutbox).where(AccountOutbox.id == row_id))
    return noted


def _note(
    session: Session, kind: OutboxKind, email: str, facts: RequestFacts, reason: str | None = None
) -> None:
    address = normal_email(email)
    row = AccountOutbox(kind=kind.value, address=address, reason=reason, facts=_kept(facts))
    session.add(row)
    session.flush()


def _kept(facts: RequestFacts) -> dict[str, Any]:
    """Return the facts as JSON, with the time that the request took so far."""
    kept = asdict(facts) | {"took_ms": facts.duration_ms()}
    del kept["started"]
    return {
        name: as_storable(value) if isinstance(value, str) else value
        for name, value in kept.items()
    }
