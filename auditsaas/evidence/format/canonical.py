"""Writes JSON values in the one form that is hashed: RFC 8785, with two exceptions.

Keys are sorted by code point, not by UTF-16 unit, and whole numbers are written in full, where RFC
8785 stops at 2^53. So a value has the same bytes however it was stored and whichever program reads
it, as long as that keeps whole numbers whole.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="sorted").encode


def canonical(value: Any) -> bytes:
    """Write a JSON value, as ``json`` or ``msgspec`` decodes it, in its canonical form.

    Raises:
        ValueError: it holds a number that JSON has not, or half of a surrogate pair.
    """
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict | list) and _holds_floats(value):
        return _with_floats(value)
    return _encode(value)


def number(value: float) -> bytes:
    """Write a double as ECMA-262 does (Number::toString): the shortest digits that read back.

    Raises:
        ValueError: it is infinite or no number.
    """
    if not math.isfinite(value):
        raise ValueError("JSON has neither infinite numbers nor NaN")
    if value == 0:
        return b"0"
    text = repr(abs(value))
    if "e" in text:
        text = _without_exponent(text)
    sign = "-" if value < 0 else ""
    return (sign + text.removesuffix(".0")).encode()


def _without_exponent(text: str) -> str:
    """Rewrite a number that Python gives an exponent; below 1e-6 and from 1e21 on it stays one."""
    mantissa, _, written = text.partition("e")
    exponent = int(written)
    digits = mantissa.replace(".", "")
    if exponent >= 21 or exponent < -6:
        return f"{mantissa.removesuffix('.0')}e{exponent:+d}"
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits.removesuffix("0" if mantissa == digits else "")
    return digits.ljust(exponent + 1, "0")


def _holds_floats(value: dict[str, Any] | list[Any]) -> bool:
    level: list[Any] = [value]
    while level:
        node = level.pop()
        children = node.values() if isinstance(node, dict) else node
        for child in children:
            if isinstance(child, float):
                return True
            if isinstance(child, dict | list):
                level.append(child)
    return False


def _with_floats(value: Any) -> bytes:
    if isinstance(value, dict):
        members = (_encode(key) + b":" + _with_floats(value[key]) for key in sorted(value))
        return b"{" + b",".join(members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_with_floats, value)) + b"]"
    return number(value) if isinstance(value, float) else _encode(value)
