"""Which logs this installation is a witness for: added by the operator, by their keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.orm import Session

from auditsaas.errors import Invalid, NotFound
from auditsaas.evidence.format.merkle import EMPTY
from auditsaas.evidence.format.notes import ED25519, NoteRefused, VerifierKey
from auditsaas.evidence.witnesses.models import witnessed


@dataclass(frozen=True)
class KnownLog:
    """A log that is cosigned here, and how far it was."""

    origin: str
    vkeys: tuple[str, ...]
    size: int
    at: datetime | None


def add(session: Session, vkey: str) -> KnownLog:
    """Add a log by its key, or another key to a log that is known; flush.

    Raises:
        Invalid: it is no key of a log.
    """
    try:
        key = VerifierKey.parse(vkey)
    except NoteRefused as error:
        raise Invalid(f"The key is not taken: {error}.") from error
    if key.kind != ED25519:
        raise Invalid("A log signs with Ed25519 (a key of type 0x01).")
    row = insert(witnessed).values(
        origin=key.name, vkeys=[str(key)], root=EMPTY, added_at=func.now()
    )
    session.execute(row.on_conflict_do_nothing())
    session.execute(
        update(witnessed)
        .where(witnessed.c.origin == key.name, ~witnessed.c.vkeys.contains([str(key)]))
        .values(vkeys=witnessed.c.vkeys + array([str(key)]))
    )
    return _called(session, key.name)


def listed(session: Session) -> list[KnownLog]:
    """Return the logs that are cosigned here."""
    found = select(witnessed.c.origin, witnessed.c.vkeys, witnessed.c.size, witnessed.c.at)
    rows = session.execute(found.order_by(witnessed.c.origin))
    return [KnownLog(origin, tuple(vkeys), size, at) for origin, vkeys, size, at in rows]


def remove(session: Session, origin: str) -> KnownLog:
    """Remove a log, which is cosigned no more; flush. Added again, it begins anew.

    Raises:
        NotFound: it is not known here.
    """
    gone = _called(session, origin)
    session.execute(delete(witnessed).where(witnessed.c.origin == origin))
    return gone


def _called(session: Session, origin: str) -> KnownLog:
    found = next((each for each in listed(session) if each.origin == origin), None)
    if found is None:
        raise NotFound(f"The log {origin} is not known here.")
    return found
