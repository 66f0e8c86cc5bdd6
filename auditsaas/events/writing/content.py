"""Compares the sent content of events, so that one id has one content or is in conflict.

Compared is what would be stored by the rules of redaction that hold now. The idempotency key is
left out, for it names an event and tells nothing of it; so are the platform and the browser,
which are read from the user agent, and of course ``seq`` and the time of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
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


def conflicting(
    events: Sequence[EventInput],
    identified: Sequence[tuple[datetime, UUID]],
    new: Sequence[bool],
    rows: Iterable[Row | Stored[Any]],
    rules: frozenset[str],
    *,
    ids: Sequence[UUID | None] | None,
) -> tuple[bool, ...]:
    """Check each known event for content that differs from the stored event of its id.

    Of ``rows`` of one id the last is the one that stands. ``ids`` are those that the product's own
    files have already, see ``same_content``.
    """
    if all(new):
        return (False,) * len(new)
    standing = {row.id: row for row in rows}
    contents: dict[UUID, Content] = {}
    found = [False] * len(new)
    for place, (event, (moment, identifier)) in enumerate(zip(events, identified, strict=True)):
        if new[place]:
            continue
        if identifier not in contents:
            contents[identifier] = content_of(standing[identifier], rules)
        given = content_of(row_of(event, moment, identifier), rules)
        partial = ids is not None and ids[place] is not None
        found[place] = not same_content(given, contents[identifier], partial=partial)
    return tuple(found)


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
