"""JSONL: the API's event (``events.stored``), one a line, byte for byte.

PostgreSQL writes the JSON, several times faster than rows could be read into Python; a test
holds the two against each other.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Numeric, String, Text, case, cast, func, literal
from sqlalchemy.dialects.postgresql import TIMESTAMP

from auditsaas.events.models import events
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers.cells import slug_of

Text_ = ColumnElement[str]


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
    """One event as JSON text, its fields in the order of ``stored_event``."""
    event = events.c
    return func.concat(
        '{"id":"',
        event.id,
        '","seq":',
        event.seq,
        ',"workspace":',
        _json(slug),
        ',"occurred_at":"',
        _rfc3339(event.occurred_at),
        '","received_at":"',
        _rfc3339(event.received_at),
        '","activity":',
        _json(event.activity),
        ',"status":"',
        event.status,
        '","actor":{"id":',
        _json(event.actor_id),
        *(
            _optional(name, _json(event[f"actor_{name}"]))
            for name in ("name", "email", "role", "status")
        ),
        "}",
        _optional("method", _json(event.method)),
        _optional("path", _json(event.path)),
        _optional("status_code", cast(event.status_code, Text)),
        _optional("ip", _json(func.host(event.ip))),
        _optional("user_agent", _json(event.user_agent)),
        ',"platform":',
        _json(event.platform),
        ',"browser":',
        _json(event.browser),
        _optional("duration_ms", _number(event.duration_ms)),
        _optional("request_id", _json(event.request_id)),
        *(_optional(name, cast(event[name], Text)) for name in ("targets", "changes", "metadata")),
        _optional("idempotency_key", _json(event.idempotency_key)),
        "}",
    )


def _optional(name: str, value: Text_) -> Text_:
    """A field, or NULL, which ``concat`` leaves out, where the event has none."""
    return literal(f',"{name}":', String) + value


def _json(value: ColumnElement[Any]) -> Text_:
    return cast(func.to_json(cast(value, Text)), Text)


def _rfc3339(moment: ColumnElement[Any]) -> Text_:
    """Python's ``isoformat``: six decimals or none."""
    utc = cast(func.timezone("UTC", moment), TIMESTAMP)
    whole = func.date_trunc("second", utc) == utc
    return case(
        (whole, func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
        else_=func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    )


def _number(value: ColumnElement[float]) -> Text_:
    """As msgspec writes a number up to 86,400,000: exponents only below 1e-5, and unpadded."""
    text = cast(value, Text)
    return case(
        ((value >= 0.0001) | (value == 0), text),
        (value >= 0.00001, cast(cast(text, Numeric), Text)),
        else_=func.replace(text, "e-0", "e-"),
    )
