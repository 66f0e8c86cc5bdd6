"""Rows and heads that nothing honest writes, for each program that checks files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.proofs import Bundle, Log

LOG = Log.of(9)


def swap(old: bytes, new: bytes) -> Callable[[Bundle], object]:
    """Change the first row by its bytes."""

    def change(bundle: Bundle) -> None:
        assert old in bundle.rows[0]
        bundle.rows[0] = bundle.rows[0].replace(old, new, 1)
        bundle.reseal()

    return change


NUMBER = b"1.5"
ROWS: dict[str, Callable[[Bundle], object]] = {
    "1e400": swap(NUMBER, b"1e400"),
    "-1e400": swap(NUMBER, b"-1e400"),
    "NaN": swap(NUMBER, b"NaN"),
    "Infinity": swap(NUMBER, b"-Infinity"),
    "2^70": swap(NUMBER, b"1180591620717411303424"),
    "-0.0": swap(NUMBER, b"-0.0"),
    "more digits than a number may have": swap(NUMBER, b"1" * 5000),
    "a bool for a number": swap(NUMBER, b"true"),
    "name twice, deep down": swap(b'"n":', b'"n":1,"n":'),
    "name twice, once escaped": swap(b'"ip":', b'"\\u0069p":"1","ip":'),
    "lone surrogate": swap(b"u_0", b"\\ud800"),
    "lone surrogate as bytes": swap(b"u_0", b"\xed\xa0\x80"),
    "no UTF-8": swap(b"u_0", b"\xff"),
    "byte order mark": swap(b"{", b"\xef\xbb\xbf{"),
    "UTF-16": lambda b: b.rows.__setitem__(0, b.rows[0].decode().encode("utf-16")),
    "nested": swap(NUMBER, b"[" * 100_000 + b"]" * 100_000),
    "nested objects": swap(NUMBER, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "nested as deep as can be read": swap(NUMBER, b"[" * 900 + b"1" + b"]" * 900),
    "empty line": lambda b: b.rows.__setitem__(0, b"\n"),
    "list": lambda b: b.rows.__setitem__(0, b"[]\n"),
    "text": lambda b: b.rows.__setitem__(0, b'"in"\n'),
    "empty object": lambda b: b.rows.__setitem__(0, b"{}\n"),
    "no actor": lambda b: b.change_row(0, lambda row: row.pop("actor")),
    "actor of text": lambda b: b.change_row(0, lambda row: row.update(actor="u_0")),
    "actor of pairs": lambda b: b.change_row(0, lambda row: row.update(actor=[["id", "u_0"]])),
    "seq true": lambda b: b.change_row(0, lambda row: row.update(seq=True)),
    "seq 1.0": lambda b: b.change_row(0, lambda row: row.update(seq=1.0)),
    "seq as text": lambda b: b.change_row(0, lambda row: row.update(seq="1")),
    "time of a number": lambda b: b.change_row(0, lambda row: row.update(occurred_at=1)),
    "time without a zone": swap(b'Z","activity', b'","activity'),
    "time that is none": swap(b"2026-11-20T12", b"2026-13-20T12"),
    "time in other digits": swap(b"2026-11", "٢٠٢٦-11".encode()),
    "zeros": lambda b: b.rows.__setitem__(0, bytes(10_000)),
}

HEADS: dict[str, list[dict[str, Any]]] = {
    "size": [{"last": 1 << 63}, {"last": -1}, {"first": 0}, {"first": 5, "last": 4}],
    "type of numbers": [{"first": True}, {"last": 9.0}, {"first": "1"}, {"first": None}],
    "cut": [{"cut": None}, {"cut": "0"}, {"cut": 1 << 63}, {"cut": True}],
    "outside": [{"outside": None}, {"outside": 3}, {"outside": ["AA=="]}, {"outside": [1]}],
    "query": [
        {"query": None},
        {"query": []},
        {"query": {"status": []}},
        {"query": {"from": 1.5}},
        {"query": {"to": True}},
    ],
    "filter": [
        {"query": {"status": "error"}},
        {"query": {"activity": [""]}},
        {"query": {"ip": [1]}},
    ],
    "network": [{"query": {"ip": ["203.0.113.1/24"]}}, {"query": {"ip": ["nowhere"]}}],
    "checkpoint": [{"checkpoint": ""}, {"checkpoint": None}, {"checkpoint": LOG.note[:-60]}],
    "digest": [{"sha256": None}, {"sha256": "0" * 64}],
    "format": [{"format": None}, {"format": "auditsaas-proof-v2"}],
}
