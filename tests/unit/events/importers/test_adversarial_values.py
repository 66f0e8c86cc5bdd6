"""Values made to keep an expression busy, at each place of a good record of each format.

Where time grows by the square of a value, 16 KiB take many times what they may.
``test_hostile_lines`` reads whole lines of 1 MiB.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

import pytest

from auditsaas.events.importers.documents import DocumentError
from auditsaas.events.importers.lines import open_stream
from auditsaas.events.importers.mapping.checking import mapping_from_json
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.parsing import format_of
from auditsaas.events.importers.outcome import Parsed
from auditsaas.events.importers.reading import Reading
from auditsaas.events.importers.registry import FORMATS
from auditsaas.events.schema import RefusedEvent, from_mapping
from tests.unit.events.importers.reading_files import FIXTURES
from tests.unit.events.importers.test_registry import FILES

SIZE = 16_384
MOST_SECONDS = 0.01
"""Of CPU; what is linear takes less than 2 ms, and the mildest quadratic one that was here 60."""
TRIES = 4
UNITS = ('"', '" "', "\\", " ", "a=", "1", "a@", "aA")
OPEN, CUT = '"', "x"
"""Around the junk, so that what it seems to begin never ends."""
OWN_EVENT = {
    "activity": "a.b", "status": "success", "occurred_at": "2026-11-20T10:00:00Z",
    "actor": {"id": "u", "name": "Ann Example", "email": "ann@acme.example", "role": "admin"},
    "targets": [{"type": "t", "id": "1", "name": "One"}], "ip": "192.0.2.1", "method": "GET",
    "path": "/a", "user_agent": "curl/8", "request_id": "r", "duration_ms": 1.5,
    "metadata": {"a": "b"},
}  # fmt: skip
OWN = {
    "jsonl": json.dumps(OWN_EVENT).encode(),
    "csv": b"created_at,activity,status,user_id,ip_address,duration_ms,metadata\n"
    b'2026-11-20T10:00:00Z,a.b,success,u,192.0.2.1,1.5,"{""a"":""b""}"\n',
}
MAPPING = {
    "title": "Made by a user",
    "input": "json",
    "fields": {
        "occurred_at": {"path": "at"},
        "activity": {"template": "{app}.{verb}", "case": "snake"},
        "status": {"path": "ok", "values": {"fail*": "error"}, "otherwise": "success"},
        "actor.id": {"path": "who"},
    },
}
MADE = "a user's mapping"
MAPPED = {"at": "2026-11-20T10:00:00Z", "app": "door", "verb": "open", "ok": "yes", "who": "u"}


def format_called(name: str) -> Any:
    if name == MADE:
        return format_of("made", mapping_from_json(json.dumps(MAPPING).encode(), INPUTS))
    return FORMATS[name]


def sample(name: str) -> bytes:
    if name == MADE:
        return json.dumps(MAPPED).encode()
    if name in OWN:
        return OWN[name]
    own = [FIXTURES / file for file, key in FILES.items() if key == name]
    found = [*own, *sorted(FIXTURES.glob(f"presets/{name}.*"))]
    return found[0].read_bytes()


def outcomes(name: str, data: bytes) -> list[Any]:
    with open_stream("file", io.BytesIO(data)) as source:
        found = format_called(name).parse(source, Reading("key", UTC))
        try:
            return list(islice(found, 3))
        except DocumentError:
            return []


def seconds_for(name: str, data: bytes) -> float:
    began = time.process_time()
    for outcome in outcomes(name, data):
        if isinstance(outcome, Parsed):
            try:
                from_mapping(outcome.event, datetime.now(UTC))
            except RefusedEvent:
                continue
    return time.process_time() - began


def record_of(data: bytes) -> Any:
    """The first record of a file of JSON; None of one of another kind."""
    for text in (data, data.splitlines()[0]):
        try:
            return json.loads(text)
        except ValueError:
            continue
    return None


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value[:1])
    else:
        yield place
    for key, each in inner:
        yield from leaves(each, (*place, key))


def with_value(value: Any, place: tuple[Any, ...], junk: str) -> Any:
    if not place:
        return junk
    copy = value.copy()
    copy[place[0]] = with_value(value[place[0]], place[1:], junk)
    return copy


def good_line(name: str, data: bytes) -> tuple[bytes, bytes]:
    """What must stand before a line, and a line that is an event."""
    lines = [line for line in data.splitlines() if line.strip()]
    head = b"".join(line + b"\n" for line in lines if line.startswith(b"#"))
    if name in ("csv", "salesforce", "microsoft-365"):
        head = lines[0] + b"\n"
    for line in lines:
        found = outcomes(name, head + line + b"\n")
        if found and isinstance(found[-1], Parsed):
            return head, line
    raise AssertionError(f"{name} has no sample with an event")


def adversarial(name: str) -> Iterator[bytes]:
    data = sample(name)
    junks = [OPEN + unit * (SIZE // len(unit)) + CUT for unit in UNITS]
    record = record_of(data)
    if record is not None:
        for place in leaves(record):
            yield from (json.dumps(with_value(record, place, junk)).encode() for junk in junks)
        return
    head, line = good_line(name, data)
    words = [match.span() for match in re.finditer(rb"[^ ,|\t]+", line)]
    pairs = [*zip(words, words, strict=True), *pairwise(words)]
    for (start, _), (_, end) in pairs:
        yield from (head + line[:start] + junk.encode() + line[end:] + b"\n" for junk in junks)


@pytest.mark.parametrize("name", [*FORMATS, MADE])
def test_no_value_of_a_record_keeps_its_importer_busy(name: str) -> None:
    for data in adversarial(name):
        tries = (seconds_for(name, data) for _ in range(TRIES))
        assert any(seconds < MOST_SECONDS for seconds in tries), data[:200] + b" ... " + data[-80:]
