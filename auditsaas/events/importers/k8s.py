"""Kubernetes audit log (``audit.k8s.io``): lines, arrays, and ``EventList`` batches.

The activity is the resource, its subresource and the verb: ``pods.exec.create``; of a request for
no resource ``api.get``. Each stage of a request that the cluster logs is an event. The actor is
who was authenticated, not whom they impersonated.
"""

from __future__ import annotations

from datetime import timedelta, tzinfo
from typing import Any

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    LONGEST_AGENT,
    LONGEST_PATH,
    part,
    put,
    put_duration,
    put_targets,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import lacking
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

# https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
_METHODS = {
    "create": "POST",
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
_USED = (
    "kind", "verb", "requestURI", "sourceIPs", "userAgent", "auditID",
    "requestReceivedTimestamp", "stageTimestamp", "timestamp", "metadata",
)  # fmt: skip


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    verb = word(record.get("verb"))
    if verb is None or not str(record.get("apiVersion", "")).startswith("audit.k8s.io/"):
        raise lacking(record, "is no event of audit.k8s.io", "verb", "apiVersion")
    received = record.get("requestReceivedTimestamp")
    ended = record.get("stageTimestamp")
    answer = part(record, "responseStatus")
    metadata = rest(record, *_USED)
    event = request.answered(
        read_time(received or ended or record.get("timestamp"), zone), answer.get("code"), metadata
    )
    if "code" not in answer:
        event["status"] = "error" if record.get("stage") == "Panic" else "success"
    event["activity"] = _activity(part(record, "objectRef"), verb)
    if method := _METHODS.get(verb, verb.upper() if "objectRef" not in record else None):
        event["method"] = method
    put(event, "path", record.get("requestURI"), LONGEST_PATH)
    put(event, "user_agent", record.get("userAgent"), LONGEST_AGENT)
    _add_parties(event, record)
    put_targets(event, _targets(part(record, "objectRef")))
    if received and ended and record.get("stage") == "ResponseComplete":
        taken = read_time(ended, zone) - event["occurred_at"]
        put_duration(event, taken / timedelta(milliseconds=1), 1)
    return event


def own_id(record: dict[str, Any]) -> object:
    identity = word(record.get("auditID"))
    return f"{identity}:{record.get('stage')}" if identity else None


def _activity(thing: dict[str, Any], verb: str) -> str:
    words = (word(thing.get("resource")) or "api", word(thing.get("subresource")), verb)
    return ".".join(filter(None, words))[:LONGEST_ACTIVITY]


def _add_parties(event: Event, record: dict[str, Any]) -> None:
    addresses = record.get("sourceIPs")
    clients = ",".join(filter(None, map(word, addresses))) if isinstance(addresses, list) else ""
    user = part(record, "user").get("username")
    request.add_parties(event, user, clients)


def _targets(thing: dict[str, Any]) -> list[dict[str, str]]:
    kind, name, namespace = (word(thing.get(key)) for key in ("resource", "name", "namespace"))
    path = "/".join(filter(None, (namespace, name)))
    return [{"type": kind, "id": path}] if kind and path else []


FORMAT = record_format("k8s", "Kubernetes audit log", read, names=("items",), own_id=own_id)
