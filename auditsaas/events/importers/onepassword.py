"""1Password Events API: audit events. The activity is the object's type and the action."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    part,
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
    "uuid", "timestamp", "action", "actor_uuid", "actor_details", "object_type", "object_uuid",
    "object_details",
)  # fmt: skip


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    kind, action = word(record.get("object_type")), word(record.get("action"))
    if kind is None or action is None or "actor_uuid" not in record:
        raise lacking(record, "is no 1Password audit event", "action", "object_type", "actor_uuid")
    event: Event = {
        "activity": f"{kind}.{action}"[:LONGEST_ACTIVITY],
        "status": "success",
        "occurred_at": read_time(record.get("timestamp"), zone),
        "metadata": rest(record, *_USED),
    }
    actor, thing = part(record, "actor_details"), part(record, "object_details")
    put_actor(event, record["actor_uuid"], name=actor.get("name"), email=actor.get("email"))
    put_address(event, part(record, "session").get("ip"))
    if identity := word(record.get("object_uuid")):
        name = word(thing.get("name")) or word(thing.get("email")) or ""
        put_targets(event, [{"type": kind, "id": identity, "name": name}])
    return event


def own_id(record: dict[str, Any]) -> object:
    return word(record.get("uuid"))


FORMAT = record_format("1password", "1Password audit events", read, names=("items",), own_id=own_id)
