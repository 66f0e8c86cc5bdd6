"""Is a witness for the logs that the operator added (C2SP tlog-witness v1).

A log's row is locked while its growth is checked and kept, so that of two requests at once the
second is compared with what the first left; the answer is given after the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.orm import Session

from auditsaas.evidence.format import notes
from auditsaas.evidence.format.additions import Addition
from auditsaas.evidence.format.cosignatures import CosigningKey
from auditsaas.evidence.format.merkle import ProofRefused
from auditsaas.evidence.format.notes import NoteRefused, VerifierKey
from auditsaas.evidence.witnesses.models import witnessed

TEXT: Final = "text/plain; charset=utf-8"
SIZE_TYPE: Final = "text/x.tlog.size"


@dataclass(frozen=True)
class Reply:
    """An answer to a log, or to a monitor of one."""

    status: int
    body: str
    content_type: str = TEXT


def add(session: Session, key: CosigningKey, body: bytes, now: datetime) -> Reply:
    """Check and keep a checkpoint of a known log, and cosign it; the caller commits."""
    try:
        asked = Addition.parse(body)
    except NoteRefused as error:
        return Reply(400, f"{error}\n")
    row = _locked(session, asked.checkpoint.origin)
    refused = _refusal(row, asked)
    if refused or row is None:
        return refused or Reply(404, "")
    line = key.line(asked.text, int(now.timestamp()))
    session.execute(
        update(witnessed)
        .where(witnessed.c.origin == asked.checkpoint.origin)
        .values(
            size=asked.checkpoint.size,
            root=asked.checkpoint.root,
            note=f"{asked.text}\n{_own_lines(asked.note, _keys(row))}{line}",
            at=now,
        )
    )
    return Reply(200, line)


def shown(session: Session, name: str) -> Reply:
    """Return the checkpoint that is held of a log, by the SHA-256 of its origin in hexadecimal."""
    hashed = func.encode(func.sha256(func.convert_to(witnessed.c.origin, "UTF8")), "hex")
    note = session.scalar(select(witnessed.c.note).where(hashed == name))
    return Reply(200, note) if note else Reply(404, "No checkpoint is held of such a log.\n")


def _locked(session: Session, origin: str) -> RowMapping | None:
    found = select(witnessed).where(witnessed.c.origin == origin).with_for_update()
    return session.execute(found).mappings().one_or_none()


def _refusal(row: RowMapping | None, asked: Addition) -> Reply | None:
    """Return why a checkpoint is not cosigned, in the order of the protocol."""
    if row is None:
        return Reply(404, "This log is not known here.\n")
    try:
        notes.checkpoint(asked.note, *_keys(row))
    except NoteRefused as error:
        return Reply(403, f"{error}\n")
    if asked.old > asked.checkpoint.size:
        return Reply(400, "The old size is above the checkpoint's.\n")
    if asked.old != row["size"]:
        return Reply(409, f"{row['size']}\n", SIZE_TYPE)
    try:
        asked.check_growth(row["root"])
    except ProofRefused as error:
        return Reply(422, f"{error}\n")
    return None


def _keys(row: RowMapping) -> list[VerifierKey]:
    return [VerifierKey.parse(text) for text in row["vkeys"]]


def _own_lines(note: str, keys: list[VerifierKey]) -> str:
    """Return the signature lines of the log's own keys; those of others are not passed on."""
    _, lines = notes.split(note)
    return "".join(
        f"{line}\n" for line in lines if any(notes.signatures_of([line], k) for k in keys)
    )
