"""The canonical form of JSON: the vectors of RFC 8785, and where it differs on purpose."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditsaas.evidence.format.canonical import canonical, number
from tests.support.cases import cases

# RFC 8785, appendix B: IEEE 754 bits, and the text.
NUMBERS = """
0000000000000000 0
8000000000000000 0
0000000000000001 5e-324
8000000000000001 -5e-324
7fefffffffffffff 1.7976931348623157e+308
ffefffffffffffff -1.7976931348623157e+308
4340000000000000 9007199254740992
c340000000000000 -9007199254740992
4430000000000000 295147905179352830000
44b52d02c7e14af5 9.999999999999997e+22
44b52d02c7e14af6 1e+23
44b52d02c7e14af7 1.0000000000000001e+23
444b1ae4d6e2ef4e 999999999999999700000
444b1ae4d6e2ef4f 999999999999999900000
444b1ae4d6e2ef50 1e+21
3eb0c6f7a0b5ed8c 9.999999999999997e-7
3eb0c6f7a0b5ed8d 0.000001
41b3de4355555553 333333333.3333332
41b3de4355555554 333333333.33333325
41b3de4355555555 333333333.3333333
41b3de4355555556 333333333.3333334
41b3de4355555557 333333333.33333343
becbf647612f3696 -0.0000033333333333333333
43143ff3c1cb0959 1424953923781206.2
"""
VECTOR = {
    "\U00010000": 2,
    "\ue000": 1,
    "é": '\u2028\x7f/\\"\b\n\x1f',
    "n": 12345678901234567890,
    "x": [1e16, 1e21, 1e-7, -0.0, 1.0, 0.1, True, None],
}
VECTOR_BYTES = (
    "7b226e223a31323334353637383930313233343536373839302c2278223a5b31303030303030303030303030303030"
    "302c31652b32312c31652d372c302c312c302e312c747275652c6e756c6c5d2c22c3a9223a22e280a87f2f5c5c5c22"
    "5c625c6e5c7530303166222c22ee8080223a312c22f0908080223a327d"
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
).filter(lambda value: "Infinity" not in json.dumps(value))


@pytest.mark.parametrize("line", NUMBERS.split("\n")[1:-1])
def test_number_is_written_as_rfc_8785_writes_it(line: str) -> None:
    bits, text = line.split()
    assert number(_double(bits)).decode() == text


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_number_that_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON has neither"):
        canonical({"x": value})


def test_object_has_the_bytes_of_the_specification() -> None:
    assert canonical(VECTOR).hex() == VECTOR_BYTES


def test_whole_number_beyond_64_bits_is_written_in_full() -> None:
    assert canonical({"n": 2**70}) == b'{"n":1180591620717411303424}'


@given(VALUES)
@settings(max_examples=cases(100))
def test_fast_and_slow_form_are_the_same_bytes(value: Any) -> None:
    """Beside a float the slow form is taken, without one the fast."""
    assert canonical([value, 0.5]) == b"[" + canonical(value) + b",0.5]"


@given(VALUES)
@settings(max_examples=cases(100))
def test_canonical_form_reads_back_and_stays_as_it_is(value: Any) -> None:
    written = canonical(value)
    assert canonical(json.loads(written)) == written


def _double(bits: str) -> float:
    read: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return read
