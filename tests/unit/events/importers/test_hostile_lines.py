"""Lines made to keep an expression busy: each reader is done with 1 MiB of them in no time."""

from __future__ import annotations

import io
import time
from collections import deque
from contextlib import suppress
from datetime import UTC

import pytest

from auditsaas.events.importers.documents import DocumentError
from auditsaas.events.importers.lines import MAX_LINE_BYTES, open_source
from auditsaas.events.importers.outcome import Parsed
from auditsaas.events.importers.reading import Reading
from auditsaas.events.importers.registry import FORMATS

MOST_SECONDS = 0.1
TRIES = 5
"""Of which the fastest counts, for the machine may be busy."""

CEF = "CEF:0|a|b|c|d|e|f|"
AUDIT = "type=X msg=audit(1.1:1): "
SYSLOG = "<34>1 2026-11-20T10:00:00Z h a p k "
PGAUDIT = "2026-11-20 10:00:00.123 UTC "
HAPROXY = "x 192.0.2.1:1 [20/Nov/2026:10:00:00.655] f b/s "
S3 = "o b [20/Nov/2026:10:00:00 +0000] "
BITBUCKET = '192.0.2.1 | https | o@1 | ann | 2026-11-20 10:00:00,000 | "GET / HTTP/1.1" | '
CADDY = (
    '{"request":{"method":"GET","uri":"/","remote_ip":"192.0.2.1"},"status":200,"ts":1,"duration":"'
)
WEB = "192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] "
ANY = [
    "a",
    "a ",
    '"',
    '" ',
    "\\",
    '\\"',
    "[",
    "] ",
    "|",
    "=",
    " a=",
    " a='",
    "<1>",
    "1:",
    "\t",
    ",",
]
NESTED = [('{"a":[', unit) for unit in ("[],", "[[1]],", "[1,", '{"a":"')]
LINES = {
    "cef": [(CEF, " a=b"), (CEF, "a"), (CEF, " " + "a" * 70), ("CEF:0|", "\\|")],
    "leef": [("LEEF:2.0|a|b|c|d|^|", "a=b^"), ("LEEF:1.0|a|b|c|d|", "\t")],
    "auditd": [(AUDIT, " a='b"), (AUDIT, "a=,"), (AUDIT + "a='", "a="), (AUDIT, ' a="')],
    "syslog": [(SYSLOG, "[a]"), (SYSLOG + "[x", ' a="b"'), (SYSLOG + '[x a="', '\\"')],
    "pgaudit": [(PGAUDIT + "[1] a@b LOG:  AUDIT: ", '"'), (PGAUDIT, "[1] "), ("AUDIT: ", "a,")],
    "haproxy": [(HAPROXY, "1/"), (HAPROXY + "1/1/1/1/1 200 1 ", "- "), ("", HAPROXY)],
    "s3-access": [(S3, '" '), (S3, '"\\'), (S3, "["), (S3, '"\\" ')],
    "windows": [("<Event>", "<a>"), ("<Event a='", "&amp;"), ("<Event ", "<Event ")],
    "salesforce": [("", "a,"), ("", "|"), ('"', '""'), ("Date,User,Action,Section\n", '"')],
    "combined": [(WEB + '"', '\\"'), (WEB, '" 200 1'), (WEB + '"GET / HTTP/1.1" 200 1 ', '"" ')],
    "alb": [("http 2026-11-20T10:00:00Z ", '"'), ("", '" '), ("", "a ")],
    "csv": [("", ","), ("", '"'), ('"', '""')],
    "iis": [("", "\t"), ("#Fields: ", "a "), ("", "#")],
    "atlassian": [("[t] u t c ", "200 1ms "), ("", "[")],
    "bitbucket": [(BITBUCKET + '"', '" "'), (BITBUCKET, '"" '), ("", " | ")],
    "caddy": [(CADDY, "1"), (CADDY, "1."), (CADDY, "1ms"), *NESTED],
    "openstack": [("2026-11-20 10:00:00.1 1 INFO a [", "] "), ("", "a ")],
}  # fmt: skip
ENDS = {"bitbucket": "x | 200 | 1 | 2 | - | 3 | s", "caddy": 'x"}'}
"""What stands behind the junk where it would be refused before it is looked at."""
CASES = [
    (key, head, unit)
    for key, own in LINES.items()
    for head, unit in [*own, *(("", unit) for unit in ANY)]
    if (key, unit) != ("windows", "[")  # which begins JSON
]


def seconds_for(key: str, line: bytes) -> float:
    with open_source("-", io.BytesIO(line)) as source:
        start = time.process_time()
        with suppress(DocumentError):
            deque(FORMATS[key].parse(source, Reading(f"{key}:file")), maxlen=0)
        return time.process_time() - start


@pytest.mark.parametrize(("key", "head", "unit"), CASES)
def test_a_hostile_line_of_1_mib_is_read_within_100_ms(key: str, head: str, unit: str) -> None:
    line = (head + unit * (MAX_LINE_BYTES // len(unit)))[: MAX_LINE_BYTES - 80] + ENDS.get(key, "")
    tries = (seconds_for(key, line.encode()) for _ in range(TRIES))
    assert any(seconds < MOST_SECONDS for seconds in tries)


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("atlassian", "[20/Nov/2026:10:00:00 +0000] u t 192.0.2.1 GET / HTTP/1.1 200 1ms {} - -"),
        (
            "openstack",
            '2026-11-20 10:00:00.1 1 INFO a [r] 192.0.2.1 "GET /" status: 200 len: {} time: 1',
        ),
        ("caddy", CADDY + '1.{}.1s"}'),
    ],
)
def test_a_number_of_very_many_digits_costs_no_more_than_its_line(key: str, line: str) -> None:
    lines = "".join(line.replace("{}", digits) + "\n" for digits in ("1" * 5000, "1"))
    with open_source("-", io.BytesIO(lines.encode())) as source:
        found = list(FORMATS[key].parse(source, Reading(f"{key}:file", UTC)))
    assert isinstance(found[1], Parsed)
