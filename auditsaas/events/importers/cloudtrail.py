"""AWS CloudTrail: delivered files (``Records``), arrays, lines, and ``lookup-events`` output.

The activity is the service and the call: ``s3.put_object`` of ``PutObject`` at
``s3.amazonaws.com``. An ``errorCode``, or a console sign-in that failed, is an error. Times are
whole seconds.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any

import msgspec

from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    LONGEST_AGENT,
    LONGEST_REQUEST_ID,
    put,
    put_actor,
    put_address,
    put_targets,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_USED = ("eventTime", "sourceIPAddress", "userAgent", "requestID", "eventID", "resources")


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    record = _call(record)
    name, source = word(record.get("eventName")), word(record.get("eventSource"))
    if name is None or source is None or "eventTime" not in record:
        raise LineError("has no eventName, eventSource and eventTime")
    event: Event = {
        "activity": f"{source.partition('.')[0]}.{snake(name)}"[:LONGEST_ACTIVITY],
        "status": "error" if _failed(record) else "success",
        "occurred_at": read_time(record["eventTime"], zone),
        "metadata": rest(record, *_USED),
    }
    _add_actor(event, record.get("userIdentity"))
    put_address(event, record.get("sourceIPAddress"), "sourceIPAddress")
    put(event, "user_agent", record.get("userAgent"), LONGEST_AGENT)
    put(event, "request_id", record.get("requestID"), LONGEST_REQUEST_ID)
    put_targets(event, _targets(record.get("resources")))
    return event


def own_id(record: dict[str, Any]) -> object:
    """AWS delivers a record at least once; its ``eventID`` is the same each time."""
    return word(_call(record).get("eventID"))


def snake(name: str) -> str:
    """`PutObject` as `put_object`, `GetSAMLProvider` as `get_saml_provider`."""
    return _WORD_STARTS.sub("_", name).lower()


def _call(record: dict[str, Any]) -> dict[str, Any]:
    """The record itself; ``lookup-events`` gives it as text inside another."""
    text = record.get("CloudTrailEvent")
    if not isinstance(text, str):
        return record
    try:
        inner = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        inner = None
    if not isinstance(inner, dict):
        raise LineError("its CloudTrailEvent is no JSON object")
    return inner


def _failed(record: dict[str, Any]) -> bool:
    if word(record.get("errorCode")):
        return True
    response = record.get("responseElements")
    return isinstance(response, dict) and response.get("ConsoleLogin") == "Failure"


def _add_actor(event: Event, identity: object) -> None:
    who = identity if isinstance(identity, dict) else {}
    arn = word(who.get("arn"))
    session = arn.rpartition("/")[2] if arn and "/" in arn else None
    called = word(who.get("userName")) or session
    ids = [arn, *(who.get(key) for key in ("invokedBy", "principalId", "accountId", "type"))]
    put_actor(event, *ids, name=called, email=called)


def _targets(resources: object) -> list[dict[str, str]]:
    found = []
    for resource in resources if isinstance(resources, list) else []:
        if isinstance(resource, dict) and (arn := word(resource.get("ARN"))):
            found.append({"type": word(resource.get("type")) or "resource", "id": arn})
    return found


FORMAT = record_format(
    "cloudtrail", "AWS CloudTrail", read, names=("Records", "Events"), own_id=own_id
)
