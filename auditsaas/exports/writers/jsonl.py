"""JSONL: the API's event (``events.stored``), one a line, byte for byte.

PostgreSQL writes each value as JSON, several times faster than rows could be read into Python, and
here they are put into a line, so that both work at once; a test holds the lines against the API's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Numeric, Text, case, cast, func

from auditsaas.events.event_fields import ACTOR, FIELDS, EventField, Kind
from auditsaas.events.models import events
from auditsaas.exports.source import PARTING, Output, Progress, Source
from auditsaas.exports.writers.cells import slug_of

Text_ = ColumnElement[str]

SECONDS: Final = len('"2026-11-27T12:34:56')
MICROSECONDS: Final = len('"2026-11-27T12:34:56.123456')
ZONE: Final = len('+00:00"')
TIMES: Final = tuple(at for at, known in enumerate(FIELDS) if known.kind is Kind.TIME)


def write(source: Source, out: Output, progress: Progress) -> int:
    slug = slug_of(source.slugs)
    columns = [_value(known, slug).label(known.column) for known in FIELDS]
    written = 0
    for rows in source.parted(columns):
        lines = [_line(row.split(PARTING)) for row in rows]
        written += len(lines)
        lines.append(b"")
        out.write(b"\n".join(lines))
        progress(written)
    return written


def _line(values: list[bytes]) -> bytes:
    """Join the values of an event and their keys; values that it does not have are empty."""
    for at in TIMES:
        values[at] = _utc(values[at])
    parts = KEYS[:]
    parts[1::2] = values
    for at, key, instead in OPTIONAL:
        if not values[at]:
            parts[key] = instead
    return b"".join(parts)


def _utc(moment: bytes) -> bytes:
    """Write `"2026-11-27T12:34:56.5+00:00"` as `"2026-11-27T12:34:56.500000`: six decimals or none.

    What is left out stands before the next value (``_keys``).
    """
    digits = len(moment) - ZONE
    if digits == MICROSECONDS:
        return moment[:MICROSECONDS]
    cut = moment[:digits]
    return cut if digits == SECONDS else cut.ljust(MICROSECONDS, b"0")


def _keys() -> Iterator[bytes]:
    """Yield what stands before each value, and behind the last: keys, and quotes that are open."""
    before, inside = "{", False
    for known in FIELDS:
        if known.in_actor is not inside:
            before = f'{before}"{ACTOR}":{{' if known.in_actor else f"}}{before}"
        inside = known.in_actor
        quote = '"' if _is_bare(known) else ""
        yield f'{before}"{known.key}":{quote}'.encode()
        before = f"{_left_out(known)},"
    yield b"}"


def _left_out(known: EventField) -> str:
    """Return what a value lacks at its end."""
    if known.kind is Kind.TIME:
        return 'Z"'
    return '"' if _is_bare(known) else ""


def _without() -> Iterator[tuple[int, int, bytes]]:
    """Yield the place of each optional value, that of its key, and what stands there without it."""
    for at, known in enumerate(FIELDS):
        ends_actor = at > 0 and FIELDS[at - 1].in_actor and not known.in_actor
        if not known.always:
            yield at, 2 * at, b"}" if ends_actor else b""


def _is_bare(known: EventField) -> bool:
    """Tell whether its quotes are put here: every event has it, and JSON escapes nothing in it."""
    is_plain = known.kind is Kind.WORD and not known.free
    return known.always and (known.kind is Kind.ID or is_plain)


def _value(known: EventField, slug: Text_) -> ColumnElement[Any]:
    """Select a field's value as JSON; ``COPY`` then writes it as it is."""
    if known.kind is Kind.SLUG:
        return func.to_json(cast(slug, Text))
    column = events.c[known.column]
    match known.kind:
        case Kind.NUMBER:
            return _number(column)
        case Kind.ADDRESS:
            return func.to_json(func.host(column))
        case Kind.TIME:
            return func.to_json(column)
        case Kind.WORD | Kind.TEXT if not _is_bare(known):
            return func.to_json(cast(column, Text))
        case _:
            return column


def _number(value: ColumnElement[float]) -> Text_:
    """Write a number up to 86,400,000 as msgspec does: exponents only below 1e-5, unpadded."""
    text = cast(value, Text)
    return case(
        ((value >= 0.0001) | (value == 0), text),
        (value >= 0.00001, cast(cast(text, Numeric), Text)),
        else_=func.replace(text, "e-0", "e-"),
    )


KEYS: Final = [b""] * (2 * len(FIELDS) + 1)
"""A line without its values, which stand at the odd places."""
KEYS[::2] = _keys()
OPTIONAL: Final = tuple(_without())
