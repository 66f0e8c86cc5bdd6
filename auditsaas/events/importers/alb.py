"""Access logs of AWS Application Load Balancers.

The time is when the answer was sent. The duration is the sum of the three processing times, where
all are known (a time is -1 where there was none).
"""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any
from urllib.parse import urlsplit

from auditsaas.events.importers import request
from auditsaas.events.importers.bounds import few
from auditsaas.events.importers.fitting import (
    LONGEST_AGENT,
    LONGEST_PATH,
    LONGEST_REQUEST_ID,
    put,
    put_duration,
    rest,
)
from auditsaas.events.importers.format import line_format
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.reading import Event, ReadLine
from auditsaas.events.importers.times import read_time
from auditsaas.events.importers.weblog import readable, unescaped

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
FIELDS = (
    "type", "time", "elb", "client:port", "target:port", "request_processing_time",
    "target_processing_time", "response_processing_time", "elb_status_code", "target_status_code",
    "received_bytes", "sent_bytes", "request", "user_agent", "ssl_cipher", "ssl_protocol",
    "target_group_arn", "trace_id", "domain_name", "chosen_cert_arn", "matched_rule_priority",
    "request_creation_time", "actions_executed", "redirect_url", "error_reason",
    "target:port_list", "target_status_code_list", "classification", "classification_reason",
    "conn_trace_id", "transformed_host", "transformed_uri", "request_transform_status",
)  # fmt: skip
_NEEDED = FIELDS.index("user_agent") + 1
_KINDS = frozenset({"http", "https", "h2", "grpcs", "ws", "wss"})
_FIELD = re.compile(r'"((?:[^"\\]++|\\.)*+)"(?= |$)|([^ ]+)', re.DOTALL)
_TIMES = ("request_processing_time", "target_processing_time", "response_processing_time")
_USED = (
    "time", "client:port", "elb_status_code", "request", "user_agent", "trace_id", *_TIMES,
)  # fmt: skip


def parse_line(raw: bytes, zone: tzinfo | None) -> Event:
    found = few(_FIELD.finditer(readable(raw)))
    texts = [unescaped(match[1] or "") or match[2] or "" for match in found]
    if len(texts) < _NEEDED or texts[0] not in _KINDS:
        raise LineError("has not the fields of a load balancer's log")
    fields: dict[str, Any] = dict(zip(FIELDS, texts, strict=False))
    if extra := texts[len(FIELDS) :]:
        fields["extra"] = extra
    metadata = rest(fields, *_USED)
    event = request.answered(read_time(fields["time"], zone), fields["elb_status_code"], metadata)
    request.add_line(event, fields["request"])
    _use_path_only(event)
    request.add_parties(event, None, fields["client:port"])
    put(event, "user_agent", fields["user_agent"], LONGEST_AGENT)
    put(event, "request_id", fields.get("trace_id"), LONGEST_REQUEST_ID)
    _add_duration(event, fields)
    return event


def _use_path_only(event: Event) -> None:
    """Reduce a whole URL to its path, as other logs have it; the host goes into metadata."""
    url = event["metadata"].pop("path", event.get("path", ""))
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is not None and parts.scheme and parts.netloc:
        event["metadata"]["host"] = parts.netloc
        start = url.index(parts.netloc) + len(parts.netloc)
        url = url[start:] or "/"
    put(event, "path", url, LONGEST_PATH)


def _add_duration(event: Event, fields: dict[str, Any]) -> None:
    try:
        seconds = [float(fields[name]) for name in _TIMES]
    except ValueError:
        return
    if min(seconds) >= 0:
        put_duration(event, sum(seconds), 1000)


def _reader(zone: tzinfo | None) -> ReadLine:
    return lambda raw: parse_line(raw, zone)


FORMAT = line_format("alb", "AWS load balancer access log", _reader)
