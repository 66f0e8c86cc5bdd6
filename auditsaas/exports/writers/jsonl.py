"""JSONL: the API's event (``events.stored``), one a line, byte for byte.

PostgreSQL writes the JSON, several times faster than rows could be read into Python; a test
holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Numeric, String, Text, case, cast, func, literal
from sqlalchemy.dialects.postgresql import TIMESTAMP

from auditsaas.events.event_fields import ACTOR, FIELDS, EventField, Kind
from auditsaas.events.models import events
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers.cells import slug_of

Text_ = ColumnElement[str]
Piece: TypeAlias = str | ColumnElement[Any]
"""Of a line: text that every event has, or what is made of columns."""


def write(source: Source, out: Output, progress: Progress) -> int:
    line = event_json(slug_of(source.slugs)).label("event")
    written = 0
    for lines in source.lines(line):
        written += len(lines)
        lines.append(b"")
        out.write(b"\n".join(lines))
        progress(written)
    return written


def event_json(slug: Text_) -> Text_:
    """Build one event as JSON text, its fields in the order of ``stored_event``."""
    members: list[Piece] = []
    for in_actor, fields in groupby(FIELDS, lambda known: known.in_actor):
        written = [piece for known in fields for piece in _member(known, slug)]
        members += [f',"{ACTOR}":{{', *written, "}"] if in_actor else written
    return func.concat(*_joined(["{", *members, "}"]))


def _member(known: EventField, slug: Text_) -> list[Piece]:
    """Build a field behind a comma; NULL, which ``concat`` leaves out, where there is none."""
    quote = '"' if known.kind in (Kind.ID, Kind.TIME) or _is_plain(known) else ""
    before, value = f',"{known.key}":{quote}', _value(known, slug)
    if known.always:
        return [before, value, quote]
    optional = literal(before, String) + value
    return [optional + literal(quote, String) if quote else optional]


def _is_plain(known: EventField) -> bool:
    """Tell whether it is a word of the product's own, in which JSON escapes nothing."""
    return known.kind is Kind.WORD and not known.free


def _value(known: EventField, slug: Text_) -> ColumnElement[Any]:
    """Build a field's value as JSON writes it, without quotes where ``_member`` puts them."""
    if known.kind is Kind.SLUG:
        return _json(slug)
    column = events.c[known.column]
    match known.kind:
        case Kind.TIME:
            return _rfc3339(column)
        case Kind.NUMBER:
            return _number(column)
        case Kind.ADDRESS:
            return _json(func.host(column))
        case Kind.CODE | Kind.DOCUMENT:
            return cast(column, Text)
        case Kind.WORD | Kind.TEXT if not _is_plain(known):
            return _json(column)
        case _:
            return column


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join texts that follow one another; no object begins with a comma."""
    for is_text, group in groupby(pieces, lambda piece: isinstance(piece, str)):
        if not is_text:
            yield from group
        elif text := "".join(map(str, group)).replace("{,", "{"):
            yield text


def _json(value: ColumnElement[Any]) -> Text_:
    return cast(func.to_json(cast(value, Text)), Text)


def _rfc3339(moment: ColumnElement[Any]) -> Text_:
    """Write a time as Python's ``isoformat`` does: six decimals or none."""
    utc = cast(func.timezone("UTC", moment), TIMESTAMP)
    whole = func.date_trunc("second", utc) == utc
    return case(
        (whole, func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
        else_=func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    )


def _number(value: ColumnElement[float]) -> Text_:
    """Write a number up to 86,400,000 as msgspec does: exponents only below 1e-5, unpadded."""
    text = cast(value, Text)
    return case(
        ((value >= 0.0001) | (value == 0), text),
        (value >= 0.00001, cast(cast(text, Numeric), Text)),
        else_=func.replace(text, "e-0", "e-"),
    )
