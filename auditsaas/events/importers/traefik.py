"""Traefik access logs in JSON. ``Duration`` is in nanoseconds."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import LONGEST_AGENT, put, put_duration, rest
from auditsaas.events.importers.format import record_format
from auditsaas.events.importers.outcome import lacking
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time

_USED = (
    "StartUTC", "StartLocal", "time", "DownstreamStatus", "RequestMethod", "RequestPath", "level",
    "msg", "ClientHost", "ClientUsername", "Duration", "request_User-Agent",
)  # fmt: skip


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    if "DownstreamStatus" not in record or "RequestMethod" not in record:
        raise lacking(record, "is no request", "RequestMethod", "DownstreamStatus")
    # An hour of daylight saving is lost in StartLocal, and ``time`` is when the line was written.
    moment = read_time(record.get("StartUTC", record.get("time")), zone)
    event = request.answered(moment, record["DownstreamStatus"], rest(record, *_USED))
    request.add_request(event, record["RequestMethod"], record.get("RequestPath"))
    client = record.get("ClientHost", record.get("ClientAddr"))
    request.add_parties(event, record.get("ClientUsername"), client)
    put(event, "user_agent", record.get("request_User-Agent"), LONGEST_AGENT)
    put_duration(event, record.get("Duration"), 1e-6)
    return event


FORMAT = record_format("traefik", "Traefik access log in JSON", read)
