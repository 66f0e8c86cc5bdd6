"""The terms of the search box: which keys there are, and which values each of them takes."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from auditsaas.events.writing.useragent import PLATFORMS
from auditsaas.text import normal_address

Operator = Literal["=", ">", ">=", "<", "<="]

LONGEST = 2_000
LONGEST_VALUE = 512
MOST_VALUES = 100
LONGEST_TIME = 86_400_000
META = "meta."

STATUSES = ("success", "error")
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
USER_STATUSES = ("active", "disabled")
PARTS = ("changes", "metadata", "targets")


@dataclass(frozen=True)
class Term:
    """One condition of a query; all terms of it must hold.

    Without a key, its one value is text to find anywhere. With one, any of ``values`` may match,
    in the spelling that events have; ``negated`` means that none may. ``start`` and ``end`` are
    its place in the query. A value of ``ms`` or ``code`` is a number or a range; ``number_range``
    reads it. A value of ``activity`` or ``path`` may end in ``*``, which means a prefix, and that
    of ``browser`` always is one.
    """

    negated: bool
    key: str | None
    values: tuple[str, ...]
    op: Operator
    start: int
    end: int
    quoted: bool = False


class QueryError(ValueError):
    """A query that cannot be understood.

    ``message`` is a sentence for the person, ``start`` and ``end`` the place of the ``term`` it
    is about; ``suggestion`` is what could stand there instead.
    """

    def __init__(
        self, message: str, start: int, end: int, term: str, suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.term = term
        self.suggestion = suggestion


class BadValue(ValueError):
    """A value that its key does not take; the message is a sentence."""


def _choice(label: str, known: tuple[str, ...]) -> Callable[[str], str]:
    folded = {value.lower(): value for value in known}
    expected = f"{', '.join(known[:-1])} or {known[-1]}"

    def check(value: str) -> str:
        if value.lower() not in folded:
            raise BadValue(f"{label} is {expected}, not “{shown(value)}”")
        return folded[value.lower()]

    return check


def _text(value: str) -> str:
    return value


def _method(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", value):
        raise BadValue(f"Method is a word such as POST, not “{shown(value)}”")
    return value.upper() if value.upper() in METHODS else value


def _prefixable(value: str) -> str:
    if "*" in value[:-1]:
        raise BadValue(f"A * may only end a value: “{shown(value)}”")
    return value


def _address(value: str) -> str:
    normal = normal_address(value)
    if normal is None and "/" in value:
        try:
            normal = str(ipaddress.ip_network(value, strict=False))
        except ValueError:
            normal = None
    if normal is None:
        raise BadValue(f"“{shown(value)}” is not an IP address or a network such as 10.0.0.0/8")
    return normal


_MS = re.compile(r"[0-9]{1,8}(?:\.[0-9]{1,3})?")
_CODE = re.compile(r"[1-5][0-9][0-9]|[1-5][xX]{2}")


def _milliseconds(value: str) -> str:
    for bound in _bounds(value):
        if not _MS.fullmatch(bound) or float(bound) > LONGEST_TIME:
            raise BadValue(
                f"Response time is a number of milliseconds such as >500 or 100..500, "
                f"not “{shown(value)}”"
            )
    return _in_order(value)


def _code(value: str) -> str:
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
    """The numbers, both inclusive, that a value of ``ms`` or ``code`` means."""
    first, dots, last = value.partition("..")
    if dots:
        return float(first), float(last)
    if first.lower().endswith("xx"):
        hundred = float(first[0]) * 100
        return hundred, hundred + 99
    return float(first), float(first)


@dataclass(frozen=True)
class Key:
    """What can stand before a colon."""

    name: str
    label: str
    check: Callable[[str], str] = _text
    compares: bool = False
    choices: tuple[str, ...] = ()


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("activity", "Activity", _prefixable),
        Key("status", "Status", _choice("Status", STATUSES), choices=STATUSES),
        Key("method", "Method", _method, choices=METHODS),
        Key("user", "User"),
        Key("role", "Role", choices=("admin", "auditor", "member", "service")),
        Key("user_status", "User status", _choice("User status", USER_STATUSES),
            choices=USER_STATUSES),
        Key("ip", "IP address", _address),
        Key("platform", "Platform", _choice("Platform", PLATFORMS), choices=PLATFORMS),
        Key("browser", "Browser"),
        Key("ms", "Response time", _milliseconds, compares=True),
        Key("code", "Status code", _code, compares=True),
        Key("path", "Path", _prefixable),
        Key("target", "Target"),
        Key("request", "Request"),
        Key("workspace", "Workspace"),
        Key("has", "Event", _choice("What an event has", PARTS), choices=PARTS),
    )
}  # fmt: skip

_OTHER_NAMES = {
    "action": "activity", "event": "activity", "type": "activity", "actor": "user",
    "email": "user", "who": "user", "verb": "method", "address": "ip", "os": "platform",
    "agent": "browser", "user_agent": "browser", "duration": "ms", "latency": "ms",
    "time": "ms", "response": "ms", "url": "path", "request_id": "request",
    "status_code": "code", "object": "target", "result": "status", "outcome": "status",
}  # fmt: skip


def key_named(name: str) -> Key | None:
    """The key of a name in any case, or of a ``meta.`` path; None for another."""
    if name[: len(META)].lower() == META:
        path = name[len(META) :]
        return Key(META + path, f"Metadata {path}") if all(path.split(".")) else None
    return KEYS.get(name.lower())


def nearest_key(name: str) -> str | None:
    """The key that was probably meant."""
    lower = name.lower()
    if lower in _OTHER_NAMES:
        return _OTHER_NAMES[lower]
    return next(iter(difflib.get_close_matches(lower, KEYS, n=1)), None)


def shown(text: str) -> str:
    """A value as a message can show it."""
    return text if len(text) <= 40 else f"{text[:39]}…"
