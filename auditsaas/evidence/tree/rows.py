"""Reads events as the sixteen values of their leaves, straight from the log's columns.

It makes the same leaf as ``leaf.preimage_of`` does of the event that the API gives, in less time.
JSON columns are read as the text that is stored, and strictly: one in which a name stands twice, or
a number that readers do not agree on, is hashed as ``UNREADABLE`` and fits no verifier's leaf.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Text, case, cast, extract, func, select
from sqlalchemy.orm import Session

from auditsaas.events.event_fields import STORED, EventField, Kind
from auditsaas.events.models import events
from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.canonical import canonical, number

ABSENT: Final = b"\0"
PRESENT: Final = b"\1"
UNREADABLE: Final = b"\2"
"""Stands before the stored text of what is no value of the format."""
NO_TIME: Final = (1 << 63) - 1
"""The time in the leaf of an event whose own is infinite."""

_encode = msgspec.json.Encoder(order="sorted").encode
_encode_as_given = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_PERHAPS_OTHER: Final = re.compile(rb"[0-9]e|\.0(?![0-9])|^null$")
"""Finds numbers that are written in another way than the canonical one, and what looks like them;
without one, sorted JSON is canonical."""
_INDEXES: Final = [bytes((index,)) for index in range(leaf.SLOTS)]


@dataclass(frozen=True)
class StoredValues:
    """A stored event as its leaf takes it."""

    seq: int
    occurred_at: int
    """µs since 1970."""
    values: list[bytes]
    """One of each slot, as it is hashed."""

    @property
    def unreadable(self) -> list[str]:
        """The fields whose columns hold what the product does not write."""
        slots = zip(leaf.SLOT_NAMES, self.values, strict=True)
        found = [name for name, value in slots if value[:1] == UNREADABLE]
        return ["occurred_at", *found] if self.occurred_at == NO_TIME else found

    def preimage(self, seed: bytes) -> bytes:
        """Build what is kept of the leaf, 40 bytes."""
        return leaf.preimage(self.occurred_at, leaf.fields_hash(slot_hashes(self.values, seed)))


def read(session: Session, workspace_id: UUID, first: int, last: int) -> Iterator[StoredValues]:
    """Read the events of numbers first … last in their order; numbers without one are left out."""
    yield from _read(session, workspace_id, events.c.seq.between(first, last))


def read_some(
    session: Session, workspace_id: UUID, numbers: Collection[int]
) -> Iterator[StoredValues]:
    """Read the events of these numbers in their order; numbers without one are left out."""
    yield from _read(session, workspace_id, events.c.seq.in_(numbers))


def _read(
    session: Session, workspace_id: UUID, chosen: ColumnElement[bool]
) -> Iterator[StoredValues]:
    found = (
        select(*_COLUMNS)
        .where(events.c.workspace_id == workspace_id, chosen)
        .order_by(events.c.seq, events.c.id)
    )
    for seq, occurred_at, *columns in session.execute(found):
        yield StoredValues(seq, NO_TIME if occurred_at is None else occurred_at, _values(columns))


def slot_hashes(values: Sequence[bytes], seed: bytes) -> list[bytes]:
    """Hash the sixteen values of an event with the salts of its seed."""
    salts, sha256 = hashlib.shake_256(seed).digest(leaf.SLOTS * leaf.SALT_BYTES), hashlib.sha256
    return [
        sha256(b"\0" + salts[16 * slot : 16 * slot + 16] + _INDEXES[slot] + value).digest()
        for slot, value in enumerate(values)
    ]


def _micros(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Select whole microseconds since 1970; NULL for an instant that is infinite."""
    micros = cast(extract("epoch", column) * 1_000_000, BigInteger)
    return case((func.isfinite(column), micros))


def _column(known: EventField) -> ColumnElement[Any]:
    column: ColumnElement[Any] = events.c[known.column]
    if known.kind in (Kind.ID, Kind.DOCUMENT):
        return cast(column, Text)
    if known.kind is Kind.ADDRESS:
        return func.host(column)
    return _micros(column) if known.kind is Kind.TIME else column


_BY_SLOT: Final = (
    *("seq", "occurred_at", "id", "received_at", "activity", "status", "method", "actor.id"),
    *("actor.name", "actor.email", "actor.role", "actor.status", "ip"),
    *("user_agent", "platform", "browser", "path", "status_code", "duration_ms", "request_id"),
    *("targets", "changes", "metadata", "idempotency_key"),
)
_FIELDS: Final = {known.name: known for known in STORED}
_OTHERS: Final = sorted(set(_FIELDS) - set(_BY_SLOT))
_OTHER_KEYS: Final = [_encode(name) + b":" for name in _OTHERS]
_COLUMNS: Final = [_column(_FIELDS[name]) for name in (*_BY_SLOT, *_OTHERS)]


def _values(columns: Sequence[Any]) -> list[bytes]:
    """Write the columns after number and time as the values of the slots."""
    (
        (identifier, received_at, activity, status, method, actor, name, email, role, standing),
        (ip, user_agent, platform, browser, path, status_code, duration, request_id),
        (targets, changes, metadata, key),
        others,
    ) = columns[:10], columns[10:18], columns[18:22], columns[22:]
    return [
        _plain(identifier),
        UNREADABLE if received_at is None else _plain(received_at),
        _plain(activity),
        _plain(status),
        _plain(method),
        _plain(actor),
        _group((b'"email":', email), (b'"name":', name)),
        _group((b'"role":', role), (b'"status":', standing)),
        _plain(ip),
        _group(
            (b'"browser":', browser), (b'"platform":', platform), (b'"user_agent":', user_agent)
        ),
        _http(duration, (b'"path":', path), (b'"request_id":', request_id), status_code),
        document(targets),
        document(changes),
        document(metadata),
        _plain(key),
        _group(*zip(_OTHER_KEYS, others, strict=True)),
    ]


def _plain(value: Any) -> bytes:
    return ABSENT if value is None else PRESENT + _encode(value)


def _group(*members: tuple[bytes, Any]) -> bytes:
    """Write an object of the members that are there; they are given in the order of their keys."""
    written = b",".join([key + _encode(value) for key, value in members if value is not None])
    return PRESENT + b"{" + written + b"}" if written else ABSENT


def _http(duration: float | None, *members: Any) -> bytes:
    *texts, status_code = members
    written = [key + _encode(value) for key, value in texts if value is not None]
    if duration is not None:
        try:
            written.insert(0, b'"duration_ms":' + number(duration))
        except ValueError:
            return UNREADABLE + str(duration).encode()
    if status_code is not None:
        written.append(b'"status_code":' + _encode(status_code))
    return PRESENT + b"{" + b",".join(written) + b"}" if written else ABSENT


def document(text: str | None) -> bytes:
    """Write a column of JSON in its canonical form; JSON's null counts as absent."""
    if text is None:
        return ABSENT
    given = text.encode()
    try:
        value = _decode(text)
        encoded = _encode(value)
        # What the product writes reads back to the same bytes; anything else is looked at closely.
        if encoded != given and _encode_as_given(value) != given:
            value = _strict(text)
        elif _PERHAPS_OTHER.search(encoded) is None:
            return PRESENT + encoded
        return ABSENT if value is None else PRESENT + canonical(value)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return UNREADABLE + given


def _strict(text: str) -> Any:
    """Read JSON in which no name stands twice.

    Raises:
        ValueError: one does.
    """
    return json.loads(text, object_pairs_hook=_once)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) != len(members):
        raise ValueError("a name stands twice in this object")
    return made
