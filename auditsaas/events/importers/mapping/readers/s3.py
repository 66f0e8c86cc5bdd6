"""Server access logs of AWS S3."""

from __future__ import annotations

import re
from typing import Any

from auditsaas.events.importers.bounds import few
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.weblog import unescaped

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
FIELDS = (
    "bucket_owner", "bucket", "time", "remote_ip", "requester", "request_id", "operation", "key",
    "request_uri", "http_status", "error_code", "bytes_sent", "object_size", "total_time",
    "turn_around_time", "referer", "user_agent", "version_id", "host_id", "signature_version",
    "cipher_suite", "authentication_type", "host_header", "tls_version", "access_point_arn",
    "acl_required", "source_region",
)  # fmt: skip
_NEEDED = FIELDS.index("user_agent") + 1
_FIELD = re.compile(
    r'\[(?P<time>[^\]"]*+)\]|"(?P<quoted>(?:[^"\\]++|\\.)*+)"(?= |$)|(?P<bare>[^ ]++)'
)
_REQUEST = re.compile(r"(?P<method>[A-Z]{1,16}) (?P<path>\S++)(?: (?P<protocol>HTTP/[0-9.]{1,4}))?")


def read(line: str) -> dict[str, Any]:
    found = [(match.lastgroup, match[match.lastgroup or 0]) for match in few(_FIELD.finditer(line))]
    if len(found) < _NEEDED or found[2][0] != "time":
        raise LineError("has not the fields of an S3 access log")
    texts = [unescaped(text) for _, text in found]
    record: dict[str, Any] = dict(zip(FIELDS, texts, strict=False))
    if extra := texts[len(FIELDS) :]:
        record["extra"] = extra
    asked = _REQUEST.fullmatch(record["request_uri"])
    if asked is not None:
        del record["request_uri"]
        record |= asked.groupdict()
    return record
