"""Standard logs of AWS CloudFront: W3C with tabs, values URL-encoded, ``time-taken`` in seconds."""

from __future__ import annotations

from datetime import tzinfo
from urllib.parse import unquote

from auditsaas.events.importers import w3c
from auditsaas.events.importers.fitting import LONGEST_REQUEST_ID, put
from auditsaas.events.importers.format import line_format
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.reading import Event, ReadLine

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html,
# for lines without a #Fields line before them.
FIELDS = (
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem",
    "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)",
    "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes",
    "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type",
    "cs-protocol-version", "fle-status", "fle-encrypted-fields", "c-port", "time-to-first-byte",
    "x-edge-detailed-result-type", "sc-content-type", "sc-content-len", "sc-range-start",
    "sc-range-end",
)  # fmt: skip


def split(line: str, wanted: int) -> list[str]:
    fields = line.replace("\\x09", "\t").split("\t")
    if len(fields) != wanted:
        raise LineError(f"has {len(fields)} fields between tabs, not {wanted}")
    return fields


def _reader(_zone: tzinfo | None) -> ReadLine:
    read = w3c.reader(split, unquote, unit_ms=1000, fields=FIELDS)

    def with_request_id(raw: bytes) -> Event | None:
        event = read(raw)
        if event is not None:
            identity = event["metadata"].pop("x-edge-request-id", None)
            put(event, "request_id", identity, LONGEST_REQUEST_ID)
        return event

    return with_request_id


FORMAT = line_format("cloudfront", "AWS CloudFront log", _reader)
