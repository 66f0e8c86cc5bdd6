"""What a body may cost before it is refused, whatever it is made of."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditsaas.api.ingest import cloudevents, otlp
from auditsaas.api.ingest.bodies import Reader, parse_json, parse_lines
from auditsaas.api.ingest.bounds import MAX_VALUES, lines_of, refuse_many_values
from auditsaas.api.ingest.unpacking import NotJson, TooLarge
from tests.support.factories import event_input

READER = Reader(datetime.now(UTC))
MEGABYTES = 40
SECONDS = 0.5
"""Of a machine that does other work besides; 5 MB took two and more, and 100 MB."""

NOTHING = b",".join([b"{}"] * 1_600_000)
EVENT = json.dumps(event_input()).encode()


def in_event(name: str, value: bytes) -> bytes:
    return EVENT[:-1] + b',"%s":%s}' % (name.encode(), value)


def as_json(body: bytes) -> object:
    return parse_json(body, READER)


def as_lines(body: bytes) -> object:
    return parse_lines(body, READER)


def as_cloudevents(body: bytes) -> object:
    return cloudevents.parse(body, READER)


def as_otlp(body: bytes) -> object:
    return otlp.decode(body, otlp.JSON)


def as_protobuf(body: bytes) -> object:
    return otlp.decode(body, otlp.PROTOBUF)


KEYS = b"{" + b",".join(b'"k%d":1' % number for number in range(380_000)) + b"}"
HOSTILE: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "empty events": (as_json, b'{"events":[' + NOTHING + b"]}"),
    "an array": (as_json, b"[" + NOTHING + b"]"),
    "targets": (as_json, in_event("targets", b"[" + NOTHING + b"]")),
    "keys of metadata": (as_json, in_event("metadata", KEYS)),
    "keys of an event": (as_json, KEYS),
    "lists in lists": (as_json, in_event("metadata", b'{"a":[' + b"[[]]," * 900_000 + b"1]}")),
    "depth": (as_json, b"[" * 4_900_000),
    "depth of objects": (as_json, b'{"a":' * 900_000),
    "strings": (as_json, in_event("metadata", b'{"a":[' + b'"\\\\",' * 800_000 + b"1]}")),
    "quotes that never end": (as_json, b"[" + b'"\\",{},[' * 600_000),
    "a backslash at the end": (as_json, b"[" + b'"\\",{},[' * 600_000 + b"\\"),
    "lines": (as_lines, b"1\n" * 2_400_000),
    "lines as one text": (as_json, EVENT + b"\n" + b"1\n" * 2_400_000),
    "a line of values": (as_lines, b"[" + NOTHING + b"]\n"),
    "CloudEvents": (as_cloudevents, b"[" + NOTHING + b"]"),
    "resources": (as_otlp, b'{"resourceLogs":[' + NOTHING + b"]}"),
    "records": (
        as_otlp,
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + b"{}," * 100_000 + b"{}]}]}]}",
    ),
    "resources in protobuf": (as_protobuf, b"\x0a\x00" * 2_400_000),
    "a length beyond the end": (as_protobuf, b"\x0a\xff\xff\xff\x7f" * 900_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_body_of_very_many_values_is_refused_before_it_is_decoded(name: str) -> None:
    read, body = HOSTILE[name]
    began = time.process_time()
    with pytest.raises((TooLarge, NotJson)):
        read(body)
    assert time.process_time() - began < SECONDS
    tracemalloc.start()
    try:
        with pytest.raises((TooLarge, NotJson)):
            read(body)
        assert tracemalloc.get_traced_memory()[1] < MEGABYTES << 20
    finally:
        tracemalloc.stop()


def test_decoding_all_of_it_costs_what_is_saved() -> None:
    """The control."""
    tracemalloc.start()
    try:
        json.loads(HOSTILE["empty events"][1])
        assert tracemalloc.get_traced_memory()[1] > MEGABYTES << 20
    finally:
        tracemalloc.stop()


def test_strings_are_not_counted_whatever_stands_in_them() -> None:
    text = json.dumps('[{,\\"' * 500_000).encode()
    refuse_many_values(b"[" + text + b"]")
    with pytest.raises(TooLarge):
        refuse_many_values(b"[" + text + b"," + b"[]," * MAX_VALUES + b"1]")


@given(st.lists(st.text(st.sampled_from('a"\\[{,'), max_size=8), max_size=6))
def test_only_what_stands_outside_of_strings_is_counted(texts: list[str]) -> None:
    body = json.dumps(texts).encode()
    outside = max(1, len(texts))  # the list itself, and a comma before every text but the first
    refuse_many_values(body, outside)
    with pytest.raises(TooLarge):
        refuse_many_values(body, outside - 1)


@pytest.mark.parametrize("wrap", [b"[%s]", b'{"events":[%s]}', b'{"events": [%s ] }'])
def test_a_thousand_events_are_read_and_one_more_refuses_all(wrap: bytes) -> None:
    assert len(parse_json(wrap % b",".join([EVENT] * 1_000), READER)) == 1_000
    with pytest.raises(TooLarge, match="at most 1,000 events"):
        parse_json(wrap % b",".join([EVENT] * 1_001), READER)


def test_too_many_targets_of_one_event_refuse_that_one() -> None:
    targets = b"[" + b",".join([b'{"type":"a","id":"1"}'] * 1_001) + b"]"
    parsed = parse_json(b"[" + EVENT + b"," + in_event("targets", targets) + b"]", READER)
    assert (list(parsed.events), list(parsed.refused)) == ([0], [1])


def test_blank_lines_are_passed_over() -> None:
    assert lines_of(b"\n \r\n" * 1_000_000 + b" 1 \n\n2") == [b"1 ", b"2"]
