"""Notion's audit log as it is sent to a SIEM: objects with an ``event``, arrays or lines."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    part,
    put_actor,
    put_address,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import lacking
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

_USED = ("id", "type", "timestamp", "actor", "ip_address")


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    entry = part(record, "event") or record
    activity = word(entry.get("type"))
    if activity is None or "workspace_id" not in entry or "timestamp" not in entry:
        raise lacking(entry, "is no Notion audit event", "type", "timestamp", "workspace_id")
    event: Event = {
        "activity": activity[:LONGEST_ACTIVITY],
        "status": "success",
        "occurred_at": read_time(entry["timestamp"], zone),
        "metadata": rest(entry, *_USED),
    }
    actor = part(entry, "actor")
    put_actor(event, actor.get("id"), email=part(actor, "person").get("email"))
    put_address(event, entry.get("ip_address"))
    return event


def own_id(record: dict[str, Any]) -> object:
    return word((part(record, "event") or record).get("id"))


FORMAT = record_format("notion", "Notion audit log", read, own_id=own_id)
