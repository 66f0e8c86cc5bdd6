"""Builds rows of the log as the append statement takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from string import ascii_lowercase
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct, structs
from psycopg.types.json import Json

from auditsaas.events.event_fields import GIVEN, Kind
from auditsaas.events.schema import EventInput, TargetInput
from auditsaas.events.writing.redaction import redacted, redacted_changes
from auditsaas.events.writing.useragent import derive
from auditsaas.text import normal_address

TYPES: Final = {
    Kind.ID: "uuid",
    Kind.TIME: "timestamptz",
    Kind.WORD: "text",
    Kind.TEXT: "text",
    Kind.CODE: "smallint",
    Kind.NUMBER: "double precision",
    Kind.ADDRESS: "inet",
    Kind.DOCUMENT: "json",
}

COLUMNS: Final = {known.column: TYPES[known.kind] for known in GIVEN}
"""The columns of a row that are sent, and the type by which PostgreSQL reads each."""

KEYS = dict(zip(COLUMNS, ascii_lowercase, strict=False))
"""Names of the columns in the JSON of rows: the longer a name, the longer PostgreSQL reads it."""


class Row(Struct, omit_defaults=True, gc=False, rename=KEYS):
    """A row of the log; fields that are None are left out."""

    id: UUID
    occurred_at: datetime
    activity: str
    status: str
    actor_id: str
    platform: str
    browser: str
    actor_name: str | None = None
    actor_email: str | None = None
    actor_role: str | None = None
    actor_status: str | None = None
    method: str | None = None
    path: str | None = None
    status_code: int | None = None
    ip: str | None = None
    user_agent: str | None = None
    duration_ms: float | None = None
    request_id: str | None = None
    targets: list[TargetInput] | None = None
    changes: dict[str, list[Any]] | None = None
    metadata: dict[str, Any] | None = None
    idempotency_key: str | None = None


def row_of(event: EventInput, occurred_at: datetime, identifier: UUID) -> Row:
    actor = event.actor
    platform, browser = derive(event.user_agent)
    return Row(
        identifier,
        occurred_at,
        event.activity,
        event.status,
        actor.id,
        platform,
        browser,
        actor.name,
        actor.email,
        actor.role,
        actor.status,
        event.method,
        event.path,
        event.status_code,
        None if event.ip is None else normal_address(event.ip),
        event.user_agent,
        event.duration_ms,
        event.request_id,
        event.targets or None,
        event.changes or None,
        event.metadata or None,
        event.idempotency_key,
    )


def as_json(items: Sequence[Struct]) -> Json:
    """Wrap a parameter that is written as JSON only when sent, and never becomes text."""
    return Json(items, dumps=msgspec.json.encode)


def encoded(rows: list[Row], rules: list[str]) -> Json:
    """Encode the rows as JSON, without the values of the keys that ``rules`` names."""
    if rules:
        keys = frozenset(rules)
        rows = [_redacted(row, keys) if row.metadata or row.changes else row for row in rows]
    return as_json(rows)


def _redacted(row: Row, keys: frozenset[str]) -> Row:
    metadata = redacted(row.metadata, keys)
    changes = row.changes and redacted_changes(row.changes, keys)
    if metadata is row.metadata and changes is row.changes:
        return row
    return structs.replace(row, metadata=metadata, changes=changes)
