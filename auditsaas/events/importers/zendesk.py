"""Zendesk's audit logs API: ``{"audit_logs": [...]}``, arrays or lines."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    put_actor,
    put_address,
    put_targets,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import lacking
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

_USED = (
    "id", "url", "action", "actor_id", "actor_name", "source_id", "source_type", "source_label",
    "ip_address", "created_at",
)  # fmt: skip


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    kind, action = word(record.get("source_type")), word(record.get("action"))
    if kind is None or action is None or "actor_id" not in record:
        raise lacking(record, "is no Zendesk audit entry", "action", "source_type", "actor_id")
    event: Event = {
        "activity": f"{kind}.{action}"[:LONGEST_ACTIVITY],
        "status": "success",
        "occurred_at": read_time(record.get("created_at"), zone),
        "metadata": rest(record, *_USED),
    }
    put_actor(event, record["actor_id"], name=record.get("actor_name"))
    put_address(event, record.get("ip_address"))
    label = word(record.get("source_label")) or ""
    if identity := word(record.get("source_id")) or label:
        put_targets(event, [{"type": kind, "id": identity, "name": label}])
    return event


def own_id(record: dict[str, Any]) -> object:
    return word(record.get("id"))


FORMAT = record_format("zendesk", "Zendesk audit logs", read, names=("audit_logs",), own_id=own_id)
