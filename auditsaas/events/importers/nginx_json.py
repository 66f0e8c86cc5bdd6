"""nginx access logs in a ``log_format`` of JSON, whose names are nginx's variables.

Of each thing the first name that has a value counts: see ``docs/importing.md``. ``request_time``
is in seconds. Further fields are kept in metadata.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import (
    LONGEST_AGENT,
    LONGEST_REQUEST_ID,
    put,
    put_duration,
    rest,
    word,
)
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import lacking
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

_TIME = ("time_iso8601", "msec", "time_local", "@timestamp", "timestamp", "time", "ts")
_CLIENT = ("remote_addr", "client_ip", "clientip", "remote_ip", "client")
_USER = ("remote_user", "user")
_METHOD = ("request_method", "method")
_PATH = ("request_uri", "uri", "path", "url")
_AGENT = ("http_user_agent", "user_agent", "agent")
_SECONDS = ("request_time", "response_time")


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    line, method = _first(record, ("request",)), _first(record, _METHOD)
    if _first(record, ("status",)) is None or (line is None and method is None):
        raise lacking(record, "is no nginx request", "status", "request")
    used = {"status", "request", "request_id", *_TIME, *_CLIENT, *_USER, *_METHOD, *_PATH}
    metadata = rest(record, *used, *_AGENT, *_SECONDS)
    event = request.answered(read_time(_value(record, _TIME), zone), record["status"], metadata)
    if method:
        request.add_request(event, method, _first(record, _PATH))
    else:
        request.add_line(event, line)
    request.add_parties(event, _first(record, _USER), _first(record, _CLIENT))
    put(event, "user_agent", _first(record, _AGENT), LONGEST_AGENT)
    put(event, "request_id", record.get("request_id"), LONGEST_REQUEST_ID)
    put_duration(event, _first(record, _SECONDS), 1000)
    return event


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := word(record.get(name)))), None)


def _value(record: dict[str, Any], names: tuple[str, ...]) -> object:
    return next((record[name] for name in names if word(record.get(name))), None)


FORMAT = record_format("nginx-json", "nginx access log in JSON", read)
