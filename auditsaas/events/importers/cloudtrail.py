"""AWS CloudTrail: delivered files (``Records``), arrays and lines, and what else carries records.

That is ``lookup-events`` output (``Events``), EventBridge (``detail``), CloudWatch subscriptions
(``logEvents``) and exports (a time before each record). Only the record itself becomes the event,
so it is the same by every way.

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
    part,
    put,
    put_actor,
    put_address,
    put_targets,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import LineError, lacking
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CARRIERS = ("CloudTrailEvent", "message")
"""Under which a record stands as text: of ``lookup-events``, and of CloudWatch."""
_NAMES = ("Records", "Events", "logEvents")
_USED = ("eventTime", "sourceIPAddress", "userAgent", "requestID", "eventID", "resources")


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    record = _call(record)
    name, source = word(record.get("eventName")), word(record.get("eventSource"))
    if name is None or source is None or word(record.get("eventTime")) is None:
        raise lacking(record, "is no CloudTrail record", "eventName", "eventSource", "eventTime")
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
    """Return the record's ``eventID``, which is the same each time that AWS delivers it."""
    return word(_call(record).get("eventID"))


def snake(name: str) -> str:
    """Write `PutObject` as `put_object`, `GetSAMLProvider` as `get_saml_provider`."""
    return _WORD_STARTS.sub("_", name).lower()


def _call(record: dict[str, Any]) -> dict[str, Any]:
    """Unwrap the record, which ``lookup-events`` and CloudWatch give as text inside another."""
    if "eventName" in record:
        return _call_told(record) if "CloudTrailEvent" in record else record
    if isinstance(record.get("detail"), dict):
        return part(record, "detail")
    return _call_told(record)


def _call_told(record: dict[str, Any]) -> dict[str, Any]:
    name = next((name for name in _CARRIERS if isinstance(record.get(name), str)), None)
    if name is None:
        return record
    try:
        inner = msgspec.json.decode(record[name])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        inner = None
    if not isinstance(inner, dict):
        raise LineError(f"its {name} is no JSON object")
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


FORMAT = record_format("cloudtrail", "AWS CloudTrail", read, names=_NAMES, own_id=own_id)
