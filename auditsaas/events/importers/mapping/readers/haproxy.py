"""HTTP logs of HAProxy, alone or behind a syslog header. Their times have no zone."""

from __future__ import annotations

import re
from typing import Any

from auditsaas.events.importers.outcome import LineError

LONGEST_PREFIX = 1024
# https://docs.haproxy.org/3.0/configuration.html#8.2.3
_TIME = re.compile(r" \[(?P<time>[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8}(?:\.[0-9]{1,6})?)\] ")
_REST = re.compile(
    r"(?P<frontend>\S{1,255}) (?P<backend>[^\s/]{1,255})/(?P<server>\S{1,255})"
    r" (?P<timers>[-+0-9/]{9,80}) (?P<status_code>-?[0-9]{1,3}) (?P<bytes>\+?[0-9]{1,18})"
    r" (?P<request_cookie>\S{1,255}) (?P<response_cookie>\S{1,255}) (?P<termination>\S{2,4})"
    r" (?P<connections>[-+0-9/]{9,60}) (?P<queues>[0-9/]{3,30})"
)
_REQUEST = re.compile(r'"(?P<method>[A-Za-z<>]{1,32}) (?P<path>[^"]*+)"?$')
_TIMERS = ("request", "queue", "connect", "response", "total")


def read(line: str) -> dict[str, Any]:
    time = _TIME.search(line, 0, LONGEST_PREFIX)
    rest = _REST.match(line, time.end()) if time else None
    if time is None or rest is None:
        raise LineError("has not the fields of an HTTP log of HAProxy")
    before, _, client = line[: time.start()].rpartition(" ")
    record: dict[str, Any] = {"prefix": before.strip(), "client": client, "time": time["time"]}
    record |= rest.groupdict()
    timers = record.pop("timers").split("/")
    record["timers"] = dict(zip(_TIMERS, timers, strict=False))
    captured, quote, asked = line[rest.end() :].partition('"')
    request = _REQUEST.match(quote + asked) if quote else None
    if request is None:
        record["request"] = asked
    else:
        path, _, protocol = request["path"].rpartition(" ")
        is_named = protocol.startswith("HTTP/")
        record |= {
            "method": request["method"],
            "path": path if is_named else request["path"],
            "protocol": protocol if is_named else "",
        }
    record["captured"] = captured.strip()
    return record
