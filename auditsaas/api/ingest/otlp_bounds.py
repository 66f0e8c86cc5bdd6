"""Counts what a request of OTLP holds before its messages are made."""

from __future__ import annotations

from typing import Final

import msgspec

from auditsaas.api.ingest.bounds import refuse_many_values
from auditsaas.api.ingest.unpacking import TooLarge

MAX_RECORDS: Final = 10_000
MAX_VALUES: Final = 400_000
"""Forty for each record."""

_BYTES, _FIXED = 2, {1: 8, 5: 4}

# Fields that hold messages, of opentelemetry/proto/{collector/logs,logs,common}/v1.
_VALUE: Final[dict[int, dict]] = {}  # type: ignore[type-arg]  # AnyValue holds itself
_PAIR: Final = {2: _VALUE}
_VALUE.update({5: {1: _VALUE}, 6: {1: _PAIR}})
_RECORD: Final = {5: _VALUE, 6: _PAIR}
_SCOPE: Final = {1: {3: _PAIR}, 2: _RECORD}
_RESOURCE: Final = {1: {1: _PAIR}, 2: _SCOPE}
_REQUEST: Final = {1: _RESOURCE}


class _Scope(msgspec.Struct, rename="camel"):
    log_records: list[msgspec.Raw] = []


class _Resource(msgspec.Struct, rename="camel"):
    scope_logs: list[_Scope] = []


class _Request(msgspec.Struct, rename="camel"):
    resource_logs: list[_Resource] = []


_decode = msgspec.json.Decoder(_Request).decode


def refuse_many_in_json(body: bytes) -> None:
    """Refuse more values or records than a request may hold. Raises TooLarge."""
    refuse_many_values(body, MAX_VALUES)
    try:
        found = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return  # the parser says what is wrong with it
    scopes = [scope for resource in found.resource_logs for scope in resource.scope_logs]
    records = sum(len(scope.log_records) for scope in scopes)
    if max(records, len(scopes), len(found.resource_logs)) > MAX_RECORDS:
        raise _too_many()


def refuse_many_in_protobuf(body: bytes) -> None:
    """Refuse more fields or records than a request may hold. Raises TooLarge."""
    fields = records = around = 0
    waiting: list[tuple[int, int, dict]] = [(0, len(body), _REQUEST)]  # type: ignore[type-arg]
    while waiting:
        at, end, within = waiting.pop()
        while at < end:
            tag, at = _number(body, at, end)
            kind, fields = tag & 7, fields + 1
            if fields > MAX_VALUES or records > MAX_RECORDS or around > 2 * MAX_RECORDS:
                raise _too_many()
            if kind == 0:
                _, at = _number(body, at, end)
            elif kind == _BYTES:
                length, at = _number(body, at, end)
                inner = within.get(tag >> 3)
                records += inner is _RECORD
                around += inner is _RESOURCE or inner is _SCOPE
                if inner and length:
                    waiting.append((at, min(at + length, end), inner))
                at += length
            else:
                at += _FIXED.get(kind, end)  # the parser says what is wrong with the rest


def _number(body: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a number of variable length; return it and where it ends."""
    found = shift = 0
    while at < end and shift < 64:
        byte = body[at]
        found |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return found, at
    return 0, end


def _too_many() -> TooLarge:
    return TooLarge(f"A request holds at most {MAX_RECORDS:,} log records.")
