"""Amends common deviations of senders from the contract's event.

Only an event that was refused is looked at, so what keeps the contract costs nothing. An id may be
an integer, a status in capitals, and an address may carry its port or its zone; the address as it
was sent is then kept in metadata, as ``client``, as the importers keep it. With ``keep_unknown``
fields that no event has are kept in metadata too, and so is an address that is none.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from auditsaas.events.schema import (
    FIELDS,
    ActorInput,
    EventInput,
    RefusedEvent,
    TargetInput,
    from_json,
    from_mapping,
)
from auditsaas.text import normal_address

STATUSES = ("success", "error")
IDS = ("request_id", "idempotency_key")
CLIENT = "client"
_ACTOR = frozenset(ActorInput.__struct_fields__)
_TARGET = frozenset(TargetInput.__struct_fields__)
_ADDRESS = re.compile(
    r"(?:\[(?P<bracketed>[^\]%]+)(?:%[^\]]*)?\](?::[0-9]{1,5})?"
    r"|(?P<four>[0-9.]+):[0-9]{1,5}"
    r"|(?P<six>[0-9A-Fa-f:.]+)%[^\s%/:]+)"
)

Values = dict[str, Any]


def event_from_json(
    raw: bytes | msgspec.Raw, now: datetime, *, keep_unknown: bool = False
) -> EventInput:
    """Read one event from its JSON text, amended where that makes it one.

    Raises:
        RefusedEvent: it breaks a rule of the contract.
    """
    try:
        return from_json(raw, now)
    except RefusedEvent as refusal:
        try:
            values = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise refusal from None
        return _amended(values, now, refusal, keep_unknown=keep_unknown)


def event_from_mapping(
    values: object, now: datetime, *, keep_unknown: bool = False, copied: bool = False
) -> EventInput:
    """Read one event from plain values, amended where that makes it one.

    Raises:
        RefusedEvent: it breaks a rule of the contract.
    """
    try:
        return from_mapping(values, now, copied=copied)
    except RefusedEvent as refusal:
        return _amended(values, now, refusal, keep_unknown=keep_unknown, copied=copied)


def amend(values: Values, *, keep_unknown: bool = False) -> Values:
    """Rewrite the values as the contract has them; nothing is changed in place."""
    amended = dict(values)
    kept: Values = {}
    if isinstance(status := values.get("status"), str) and status.lower() in STATUSES:
        amended["status"] = status.lower()
    for name in IDS:
        if name in values:
            amended[name] = _text_id(values[name])
    if isinstance(actor := values.get("actor"), dict):
        amended["actor"] = _known(actor, _ACTOR, kept, "actor", keep=keep_unknown)
    if isinstance(targets := values.get("targets"), list):
        amended["targets"] = [
            _known(target, _TARGET, kept, f"targets[{place}]", keep=keep_unknown)
            if isinstance(target, dict)
            else target
            for place, target in enumerate(targets)
        ]
    _amend_address(amended, kept, keep_unknown=keep_unknown)
    if keep_unknown:
        for name in values.keys() - FIELDS.keys():
            kept[name] = amended.pop(name)
    return _with_metadata(amended, kept)


def _amended(
    values: object,
    now: datetime,
    refusal: RefusedEvent,
    *,
    keep_unknown: bool,
    copied: bool = False,
) -> EventInput:
    if not isinstance(values, dict):
        raise refusal
    amended = amend(values, keep_unknown=keep_unknown)
    if amended == values:
        raise refusal
    return from_mapping(amended, now, copied=copied)


def _known(
    values: Values, fields: frozenset[str], kept: Values, place: str, *, keep: bool
) -> Values:
    known = {name: value for name, value in values.items() if not keep or name in fields}
    if unknown := {name: value for name, value in values.items() if name not in known}:
        kept[place] = unknown
    if "id" in known:
        known["id"] = _text_id(known["id"])
    return known


def _text_id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _amend_address(amended: Values, kept: Values, *, keep_unknown: bool) -> None:
    sent = amended.get("ip")
    if not isinstance(sent, str) or normal_address(sent) is not None:
        return
    found = _ADDRESS.fullmatch(sent.strip())
    address = normal_address(found["bracketed"] or found["four"] or found["six"]) if found else None
    if address is None and not keep_unknown:
        return
    kept[CLIENT] = sent
    if address is None:
        del amended["ip"]
    else:
        amended["ip"] = address


def _with_metadata(amended: Values, kept: Values) -> Values:
    """Add ``kept`` to metadata, beside what is there; a name that is taken gets a number."""
    metadata = amended.get("metadata")
    if not kept or not isinstance(metadata, dict | None):
        return amended
    metadata = dict(metadata or {})
    for name, value in kept.items():
        free, number = name, 2
        while free in metadata:
            free, number = f"{name}_{number}", number + 1
        metadata[free] = value
    return amended | {"metadata": metadata}
