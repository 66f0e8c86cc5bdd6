"""GitLab's ``production_json.log`` and ``api_json.log``. Durations are in seconds.

A sign-in that fails is logged with the status 0, which makes it an error like any status that is
none.
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

_NEEDED = ("method", "path", "status", "time", "duration_s")
_USED = (
    "time", "status", "method", "path", "username", "meta.user", "remote_ip", "meta.remote_ip",
    "ua", "correlation_id", "duration_s",
)  # fmt: skip


def read(record: dict[str, Any], zone: tzinfo | None) -> Event:
    if not record.keys() >= set(_NEEDED):
        raise lacking(record, "is no GitLab request", *_NEEDED)
    event = request.answered(
        read_time(record["time"], zone), record["status"], rest(record, *_USED)
    )
    request.add_request(event, record["method"], record["path"])
    user = next(
        (text for key in ("username", "meta.user", "user_id") if (text := word(record.get(key)))),
        None,
    )
    request.add_parties(event, user, record.get("remote_ip") or record.get("meta.remote_ip"))
    put(event, "user_agent", record.get("ua"), LONGEST_AGENT)
    put(event, "request_id", record.get("correlation_id"), LONGEST_REQUEST_ID)
    put_duration(event, record["duration_s"], 1000)
    return event


FORMAT = record_format("gitlab", "GitLab requests in JSON", read)
