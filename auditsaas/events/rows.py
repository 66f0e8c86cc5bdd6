"""A row of the log as the database is given it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from auditsaas.events.redaction import redacted, redacted_changes
from auditsaas.events.schema import EventInput, TargetInput, normal_address
from auditsaas.events.useragent import derive


class Row(Struct, omit_defaults=True, gc=False):
    """A row of the log; what is None is left out."""

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


def encoded(rows: list[Row], rules: list[str]) -> str:
    """The rows as JSON, without the values of the keys that ``rules`` names."""
    if rules:
        keys = frozenset(rules)
        rows = [
            structs.replace(
                row,
                metadata=redacted(row.metadata, keys),
                changes=row.changes and redacted_changes(row.changes, keys),
            )
            if row.metadata or row.changes
            else row
            for row in rows
        ]
    return msgspec.json.encode(rows).decode()
