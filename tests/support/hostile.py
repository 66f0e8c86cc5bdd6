"""Inputs that break careless servers: texts, numbers, times, documents, and bodies made of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.support.factories import event_input


class Raw(str):
    """Text that goes into the body as it is."""


HOSTILE_TEXTS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff x",
    "\u202e\u200b",
    "\x7f\x1b[31m",
    "💥" * 40,
    "x" * 129,
    "x" * 5000,
    "",
    " ",
    "\n",
    "'; DROP TABLE events; --",
    "%s%n{0}",
    "\ufeff\ufffe",
]
HOSTILE_NUMBERS = [
    Raw("NaN"),
    Raw("Infinity"),
    Raw("-Infinity"),
    Raw("1e400"),
    Raw("-1e400"),
    Raw("9" * 5000),
    Raw("1e-400"),
    Raw("-0.0"),
    Raw("0x10"),
    Raw("01"),
    Raw("1."),
    2**31,
    2**63,
    2**64,
    -1,
    0,
    99.5,
    600,
    86_400_001,
]
HOSTILE_TIMES = [
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "10000-01-01T00:00:00Z",
    "294277-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-02-30T00:00:00Z",
    "2026-11-16T10:00:00",
    "2026-11-16 10:00:00Z",
    "2026-11-16T10:00:00.123456789Z",
    "2026-11-16T24:00:00Z",
    "2026-11-16T10:00:00+25:00",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2999-01-01T00:00:00Z",
    "now",
]


def nested(depth: int, opening: str = '{"a":', closing: str = "}") -> Raw:
    return Raw(opening * depth + "1" + closing * depth)


HOSTILE_DOCUMENTS: list[Any] = [
    nested(10),
    nested(11),
    nested(100_000),
    nested(100_000, "[", "]"),
    Raw("[" * 100_000),
    Raw('{"a":1,"a":2}'),
    Raw("{" + ",".join(f'"k{n}":{n}' for n in range(10_000)) + "}"),
    Raw('{"a":NaN}'),
    Raw('{"\\u0000":1}'),
    Raw('{"\\ud800":1}'),
    Raw('{"a":' + "9" * 5000 + "}"),
    {"a": "x" * 40_000},
    {"": {"": [None, True, [], {}]}},
    {"role": [1, 2]},
    {"role": [1, 2, 3]},
    {"role": []},
]

FIELDS = [*event_input(), "occurred_at", "idempotency_key", "user_agent", "request_id"]
FIELDS += ["targets", "changes", "metadata", "colour", "\x00", "__proto__", "workspace_id", "seq"]

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    plain | st.sampled_from([*HOSTILE_TEXTS, *HOSTILE_NUMBERS, *HOSTILE_TIMES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
values = st.one_of(
    st.sampled_from(HOSTILE_TEXTS),
    st.sampled_from(HOSTILE_NUMBERS),
    st.sampled_from(HOSTILE_TIMES),
    st.sampled_from(HOSTILE_DOCUMENTS),
    anything,
)


@st.composite
def hostile_events(draw: st.DrawFn) -> Any:
    event: dict[str, Any] = event_input()
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=3, unique=True)):
        event[name] = draw(values)
    if draw(st.booleans()):
        event["actor"] = {"id": draw(values), draw(st.sampled_from(["name", "x"])): draw(values)}
    if draw(st.integers(0, 9)) == 0:
        return draw(anything)
    return event


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    shape = draw(st.sampled_from(["one", "batch", "lines", "wrong", "bytes"]))
    if shape == "bytes":
        return draw(st.binary(max_size=300))
    if shape == "wrong":
        return encoded(draw(st.sampled_from([{"events": draw(values)}, [event_input()], "x", 1])))
    if shape == "one":
        return encoded(draw(hostile_events()))
    several = draw(st.lists(hostile_events() | st.just(event_input()), max_size=4))
    if shape == "lines":
        ends = draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
        return ends.join(map(encoded, several))
    return encoded({"events": several})


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A body, perhaps cut, with a byte changed, or with bytes before it."""
    body = draw(bodies())
    how = draw(st.sampled_from(["not", "not", "cut", "changed", "prefixed", "doubled"]))
    if how == "cut":
        return body[: draw(st.integers(0, max(0, len(body) - 1)))]
    if how == "changed" and body:
        at = draw(st.integers(0, len(body) - 1))
        return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
    if how == "prefixed":
        return draw(st.sampled_from([b"\xef\xbb\xbf", b"\x00", b"\xff\xfe", b"  \n"])) + body
    return body + body if how == "doubled" else body


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, 1)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzipped,
    "GZIP": gzipped,
    "gzip ": lambda body: gzipped(body)[:-3],
    " gzip": lambda body: gzipped(body) + b"tail",
    "gzip, gzip": lambda body: gzipped(gzipped(body)),
    "br": bytes,
    "deflate": bytes,
}
KINDS = [
    "application/json",
    "application/json; charset=utf-8",
    "application/json; charset=utf-16",
    "application/x-ndjson",
    "APPLICATION/JSON",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "",
    "application/json, application/x-ndjson",
]


def encoded(value: Any) -> bytes:
    """JSON as ``json`` writes it, which also writes what JSON forbids, and raw text as it is."""
    if isinstance(value, Raw):
        return value.encode()
    if isinstance(value, dict):
        pairs = (json.dumps(name).encode() + b":" + encoded(inner) for name, inner in value.items())
        return b"{" + b",".join(pairs) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(encoded, value)) + b"]"
    return json.dumps(value).encode()


def with_another_end(key: str, length: int) -> str:
    """The key with each of its last characters replaced by another."""
    return key[:-length] + "".join("y" if letter == "x" else "x" for letter in key[-length:])
