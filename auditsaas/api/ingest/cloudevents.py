"""CloudEvents 1.0 (structured, batched and binary, over HTTP) as events.

The type is the activity, and source and id together are the key. Data in the contract's shape,
known by its ``actor``, gives the fields; any other data is kept in metadata beside the attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any, TypeGuard
from urllib.parse import unquote

import msgspec

from auditsaas.api.ingest.bodies import SPACE, Parsed, Reader, parse_each
from auditsaas.api.ingest.bounds import items_of, refuse_many_values
from auditsaas.api.ingest.unpacking import NotJson
from auditsaas.errors import FieldError
from auditsaas.events.importers.fitting import fit, put_actor, put_targets
from auditsaas.events.schema import FIELDS, EventInput, RefusedEvent

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
KINDS = frozenset({ONE, BATCH})
PREFIX = "ce-"

REQUIRED = ("specversion", "id", "source", "type")
OPTIONAL = ("time", "subject", "datacontenttype", "dataschema")
LONGEST_KEY = 128
# What an event says elsewhere, or what makes it one.
_SAID = frozenset({"specversion", "type", "time", "data", "data_base64"})
_decode = msgspec.json.Decoder().decode


def is_binary(headers: Mapping[str, str]) -> bool:
    """Tell whether the attributes are headers and the body is the data (binary mode)."""
    return any(name.lower() == f"{PREFIX}specversion" for name in headers)


def parse(body: bytes, reader: Reader) -> Parsed:
    """Parse one event or a batch in the JSON format.

    Raises:
        NotJson: the body is no JSON object or array.
        TooLarge: more than 1,000 events.
    """
    if body.lstrip(SPACE).startswith(b"["):
        _refuse_many(body)
    found = _json(body)
    return parse_each(found if isinstance(found, list) else [found], partial(_event, reader))


def parse_binary(body: bytes, kind: str, headers: Mapping[str, str], reader: Reader) -> Parsed:
    """Parse an event from attributes in headers, which may be percent-encoded, and its data.

    Raises:
        NotJson: the data says it is JSON and is not.
    """
    attributes: dict[str, Any] = {
        name.lower().removeprefix(PREFIX): unquote(value)
        for name, value in headers.items()
        if name.lower().startswith(PREFIX)
    }
    if body:
        is_json = kind.endswith(("/json", "+json"))
        attributes["data"] = _json(body) if is_json else body.decode("utf-8", "backslashreplace")
        attributes["datacontenttype"] = kind
    return parse_each([attributes], partial(_event, reader))


def _refuse_many(body: bytes) -> None:
    """Refuse a batch of too many events, before any is decoded. Raises TooLarge."""
    with suppress(msgspec.MsgspecError, RecursionError):  # no JSON, as the decoder will say
        items_of(body)


def _json(body: bytes) -> Any:
    refuse_many_values(body)
    try:
        found = _decode(body)
    except RecursionError:
        raise NotJson("The body is nested too deeply.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotJson(f"The body is not JSON: {error}.") from None
    if not isinstance(found, dict | list):
        raise NotJson("The body must be a JSON object or an array of objects.")
    return found


def _event(reader: Reader, attributes: Any) -> EventInput:
    if not isinstance(attributes, dict):
        raise RefusedEvent([FieldError("", "must be a JSON object")])
    if errors := list(_attribute_errors(attributes)):
        raise RefusedEvent(errors)
    event: dict[str, Any] = {"activity": attributes["type"], "status": "success", "metadata": {}}
    if attributes.get("time") is not None:
        event["occurred_at"] = attributes["time"]
        event["idempotency_key"] = _key(attributes["source"], attributes["id"])
    event["metadata"]["cloudevent"] = {
        name: value for name, value in attributes.items() if name not in _SAID and value is not None
    }
    _put_data(event, attributes)
    if "targets" not in event and _is_text(subject := attributes.get("subject")):
        put_targets(event, [{"type": "subject", "id": subject}])
    fit(event["metadata"])
    return reader.mapping(event)


def _attribute_errors(attributes: dict[str, Any]) -> Iterator[FieldError]:
    for name in REQUIRED:
        if not _is_text(attributes.get(name)):
            yield FieldError(name, "is required, as text")
    for name in OPTIONAL:
        if not isinstance(attributes.get(name), str | None):
            yield FieldError(name, "must be text")


def _put_data(event: dict[str, Any], attributes: dict[str, Any]) -> None:
    data = attributes.get("data", attributes.get("data_base64"))
    if isinstance(data, dict) and isinstance(data.get("actor"), dict):
        for name, value in data.items():
            if name == "metadata" and isinstance(value, dict):
                event["metadata"] |= value
            elif name == "metadata" or name not in FIELDS:
                event["metadata"][name] = value
            elif value is not None:
                event[name] = value
        return
    # The authentication context is an extension of CloudEvents: authtype, authid.
    put_actor(event, attributes.get("authid"), attributes["source"])
    if data is not None:
        event["metadata"]["data"] = data


def _key(source: str, identity: str) -> str:
    """Make the idempotency key from source and id (CloudEvents, section 3.1); hash a long one."""
    whole = f"{source}#{identity}"
    if len(whole) <= LONGEST_KEY:
        return whole
    return f"ce:{sha256(whole.encode('utf-8', 'replace')).hexdigest()}"


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""
