"""Compares the sent content of events, so that one id has one content or is in conflict.

Compared is what would be stored by the rules of redaction that hold now. The idempotency key is
left out, for it names an event and tells nothing of it; so are the platform and the browser,
which are read from the user agent, and of course ``seq`` and the time of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row as Stored

from auditsaas.events.event_fields import SENT
from auditsaas.events.schema import EventInput
from auditsaas.events.writing.redaction import redacted, redacted_changes
from auditsaas.events.writing.rows import Row, row_of

FIELDS = tuple(
    known.column for known in SENT if known.name not in ("idempotency_key", "occurred_at")
)
"""The time is in the id: two events of one id have it in common."""

DIGEST_BYTES = 8
LARGEST_INTEGER = 1 << 64
_ABSENT = bytes(DIGEST_BYTES)

Content = tuple[bytes, ...]
"""A digest of each of ``FIELDS``, in their order; of an absent one all zeros."""

_encode = msgspec.json.Encoder(order="sorted").encode


def content_of(row: Row | Stored[Any], rules: frozenset[str]) -> Content:
    """Return the content of a stored row, or of one to be stored, without redacted values."""
    return tuple(_digest(_plain(name, getattr(row, name), rules)) for name in FIELDS)


def same_content(given: Content, standing: Content, *, partial: bool = False) -> bool:
    """Check that the given content equals the stored content.

    ``partial`` is for a file that may leave out fields, as the product's files with chosen columns
    do: it is then compared by those that it has.
    """
    if not partial:
        return given == standing
    return all(one in (_ABSENT, other) for one, other in zip(given, standing, strict=True))


class Contradiction(NamedTuple):
    """An event of a batch whose content is not that of the event that has its id."""

    place: int
    row: Row
    content: Content
    partial: bool
    """Whether it may leave out fields, see ``same_content``."""


def contradictions(
    events: Sequence[EventInput],
    identified: Sequence[tuple[datetime, UUID]],
    new: Sequence[bool],
    standing: Mapping[UUID, Content],
    rules: frozenset[str],
    *,
    ids: Sequence[UUID | None] | None,
) -> list[Contradiction]:
    """Find the known events whose content is not that of the event that has their id.

    ``ids`` are those that the product's own files have already, see ``same_content``.
    """
    found = []
    for place, (event, (moment, identifier)) in enumerate(zip(events, identified, strict=True)):
        if new[place]:
            continue
        row = row_of(event, moment, identifier)
        given, partial = content_of(row, rules), ids is not None and ids[place] is not None
        if not same_content(given, standing[identifier], partial=partial):
            found.append(Contradiction(place, row, given, partial))
    return found


def fingerprint(content: Content) -> str:
    """Hash a content: SHA-256, in hex, of the digests of its fields in order."""
    return sha256(b"".join(content)).hexdigest()


def _plain(name: str, value: Any, rules: frozenset[str]) -> Any:
    if value is None:
        return None
    if name == "ip":
        return str(value)
    if name not in ("targets", "changes", "metadata"):
        return value
    value = msgspec.to_builtins(value)
    if rules and name == "changes":
        return redacted_changes(value, rules)
    return redacted(value, rules) if rules and name == "metadata" else value


def _digest(value: Any) -> bytes:
    if value is None:
        return _ABSENT
    return sha256(_encode(_canonical(value))).digest()[:DIGEST_BYTES]


def _canonical(value: Any) -> Any:
    """Write equal numbers alike, for some senders write 1 and others 1.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_INTEGER:
        return int(value)
    if isinstance(value, Mapping):
        return {name: _canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return value
