"""Caddy access logs (JSON). ``duration`` is in seconds, ``ts`` in seconds since 1970."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import LONGEST_AGENT, part, put, put_duration, rest, word
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import lacking
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

_USED = ("ts", "status", "request", "user_id", "duration", "level", "msg")
# `duration_format string` in Caddy's log encoder, as Go writes a duration.
LONGEST_DURATION = 64
"""Characters of a duration as Go writes it, such as ``1h2m3.5s``."""
_GO_PART = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,18})?)(ns|us|µs|μs|ms|s|m|h)")
_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    asked = part(record, "request")
    if "status" not in record or "ts" not in record or not asked:
        raise lacking(record, "is no request", "ts", "request", "status")
    event = request.answered(read_time(record["ts"], zone), record["status"], rest(record, *_USED))
    request.add_request(event, asked.get("method"), asked.get("uri"))
    client = asked.get("client_ip") or asked.get("remote_ip") or asked.get("remote_addr")
    request.add_parties(event, record.get("user_id"), client)
    headers = part(asked, "headers")
    put(event, "user_agent", _header(headers, "User-Agent"), LONGEST_AGENT)
    for name, value in (
        ("protocol", asked.get("proto")),
        ("host", asked.get("host")),
        ("referrer", _header(headers, "Referer")),
        ("headers", rest(headers, "User-Agent", "Referer")),
        ("tls", part(asked, "tls")),
    ):
        if value:
            event["metadata"][name] = value
    _add_duration(event, record.get("duration"))
    return event


def _header(headers: dict[str, Any], name: str) -> str | None:
    values = headers.get(name)
    return word(values[0]) if isinstance(values, list) and values else word(values)


def _add_duration(event: Event, duration: object) -> None:
    if isinstance(duration, str):
        parts = _GO_PART.findall(duration[:LONGEST_DURATION])
        duration = sum(float(n) * _MS[unit] for n, unit in parts) / 1000 if parts else None
    put_duration(event, duration, 1000)


FORMAT = record_format("caddy", "Caddy access log", read)
