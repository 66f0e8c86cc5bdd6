"""Slack's audit logs API: ``{"entries": [...]}``, arrays or lines."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    LONGEST_AGENT,
    part,
    put,
    put_actor,
    put_address,
    put_targets,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import lacking
from auditsaas.events.importers.outcomes import status_of
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    action, actor, entity = (
        word(record.get("action")),
        part(record, "actor"),
        part(record, "entity"),
    )
    if action is None or "date_create" not in record or not entity:
        raise lacking(record, "is no Slack audit entry", "action", "date_create", "entity")
    event: Event = {
        "activity": action[:LONGEST_ACTIVITY],
        "status": status_of(action),
        "occurred_at": read_time(record["date_create"], zone),
        "metadata": rest(record, "id", "action", "date_create", "actor"),
    }
    who = part(actor, word(actor.get("type")) or "user")
    put_actor(event, who.get("id"), name=who.get("name"), email=who.get("email"))
    context = part(record, "context")
    put_address(event, context.get("ip_address"))
    put(event, "user_agent", context.get("ua"), LONGEST_AGENT)
    kind = word(entity.get("type")) or "entity"
    thing = part(entity, kind)
    name = word(thing.get("name")) or word(thing.get("title")) or ""
    if identity := word(thing.get("id")):
        put_targets(event, [{"type": kind, "id": identity, "name": name}])
    return event


def own_id(record: dict[str, Any]) -> object:
    return word(record.get("id"))


FORMAT = record_format("slack", "Slack audit logs", read, names=("entries",), own_id=own_id)
