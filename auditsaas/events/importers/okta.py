"""Okta System Log: arrays, lines, and records kept by other tools as ``_raw`` text.

The activity is the ``eventType`` (also spelled ``eventtype``). Of the outcomes, ``FAILURE``,
``DENY`` and their like are errors; a ``CHALLENGE`` is not.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    LONGEST_AGENT,
    LONGEST_PATH,
    LONGEST_REQUEST_ID,
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

_USED = ("eventType", "eventtype", "published", "uuid", "actor", "target", "version")


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    spelling = "eventtype" if "eventtype" in record else "eventType"
    activity = word(record.get(spelling))
    if activity is None or word(record.get("published")) is None:
        raise lacking(record, "is no Okta event", spelling, "published")
    outcome = part(record, "outcome").get("result")
    event: Event = {
        "activity": activity[:LONGEST_ACTIVITY],
        "status": status_of(outcome),
        "occurred_at": read_time(record["published"], zone),
        "metadata": rest(record, *_USED),
    }
    _add_actor(event, part(record, "actor"))
    client = part(record, "client")
    put_address(event, client.get("ipAddress"), "ipAddress")
    put(event, "user_agent", _agent(client.get("userAgent")), LONGEST_AGENT)
    details = part(part(record, "debugContext"), "debugData")
    put(event, "path", details.get("requestUri"), LONGEST_PATH)
    put(event, "request_id", details.get("requestId"), LONGEST_REQUEST_ID)
    put_targets(event, _targets(record.get("target")))
    if "targets" in event and any(t.get("detailEntry") for t in record["target"]):
        event["metadata"]["target"] = record["target"]
    return event


def own_id(record: dict[str, Any]) -> object:
    return word(record.get("uuid"))


def _add_actor(event: Event, actor: dict[str, Any]) -> None:
    login = word(actor.get("alternateId"))
    put_actor(event, actor.get("id"), login, name=actor.get("displayName") or login, email=login)
    if more := rest(actor, "id", "displayName"):
        event["metadata"]["actor"] = more


def _agent(agent: object) -> object:
    return agent.get("rawUserAgent") if isinstance(agent, dict) else agent


def _targets(targets: object) -> list[dict[str, str]]:
    found = []
    for target in targets if isinstance(targets, list) else []:
        if not isinstance(target, dict):
            continue
        name = word(target.get("displayName")) or word(target.get("alternateId"))
        identity = word(target.get("id")) or name
        if identity:
            kind = word(target.get("type")) or "target"
            found.append({"type": kind, "id": identity, "name": name or ""})
    return found


FORMAT = record_format("okta", "Okta System Log", read, own_id=own_id)
