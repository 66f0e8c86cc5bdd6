"""Values of the search box: each is checked, and written in the spelling that events have."""

from __future__ import annotations

import re
from collections.abc import Callable

from auditsaas.text import MappedTooWide, network_text, normal_address

LONGEST_TIME = 86_400_000
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")

SOURCE_IS = "Source is product, cli, none, api:* or import:*, or an id after api: or import:"

_SOURCE = re.compile(
    r"product|cli|none|[a-z]{0,8}\*|(?:api|import):(?:[0-9a-f-]{1,36}|[0-9a-f-]{0,36}\*)"
)
_MS = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,3})?")
_CODE = re.compile(r"[1-5][0-9][0-9]|[1-5][xX]{2}")


class BadValue(ValueError):
    """A value that its key does not take; the message is a sentence."""


def choice(label: str, known: tuple[str, ...]) -> Callable[[str], str]:
    folded = {value.lower(): value for value in known}
    expected = f"{', '.join(known[:-1])} or {known[-1]}"

    def check(value: str) -> str:
        if value.lower() not in folded:
            raise BadValue(f"{label} is {expected}, not “{shown(value)}”")
        return folded[value.lower()]

    return check


def method(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", value):
        raise BadValue(f"Method is a word such as POST, not “{shown(value)}”")
    return value.upper() if value.upper() in METHODS else value


def prefixable(value: str) -> str:
    if "*" in value[:-1]:
        raise BadValue(f"A * may only end a value: “{shown(value)}”")
    return value


def source(value: str) -> str:
    if not _SOURCE.fullmatch(value.lower()):
        raise BadValue(f"{SOURCE_IS}, not “{shown(value)}”")
    return value.lower()


def address(value: str) -> str:
    try:
        return normal_address(value) or network_text(value)
    except MappedTooWide as error:
        raise BadValue(str(error)) from None
    except ValueError:
        raise BadValue(
            f"“{shown(value)}” is not an IP address or a network such as 10.0.0.0/8"
        ) from None


def milliseconds(value: str) -> str:
    for bound in _bounds(value):
        if not _MS.fullmatch(bound) or float(bound) > LONGEST_TIME:
            raise BadValue(
                f"Response time is a number of milliseconds such as >500 or 100..500, "
                f"not “{shown(value)}”"
            )
    return _in_order(value)


def code(value: str) -> str:
    for bound in _bounds(value):
        if not _CODE.fullmatch(bound) or (".." in value and not bound.isdigit()):
            raise BadValue(f"Status code is such as 404, 4xx or >=500, not “{shown(value)}”")
    return _in_order(value).lower()


def _bounds(value: str) -> list[str]:
    first, dots, last = value.partition("..")
    return [first, last] if dots else [first]


def _in_order(value: str) -> str:
    low, high = number_range(value)
    if low > high:
        raise BadValue(f"The range “{shown(value)}” ends before it starts")
    return value


def number_range(value: str) -> tuple[float, float]:
    """Read the numbers, both inclusive, that a value of ``ms`` or ``code`` means."""
    first, dots, last = value.partition("..")
    if dots:
        return float(first), float(last)
    if first.lower().endswith("xx"):
        hundred = float(first[0]) * 100
        return hundred, hundred + 99
    return float(first), float(first)


def shown(text: str) -> str:
    """Write a value as a message can show it."""
    return text if len(text) <= 40 else f"{text[:39]}…"
