"""Terms of the search box: the keys and the values that each takes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from auditsaas.events.writing.useragent import PLATFORMS
from auditsaas.text import MappedTooWide, network_text, normal_address

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
    try:
        return normal_address(value) or network_text(value)
    except MappedTooWide as error:
        raise BadValue(str(error)) from None
    except ValueError:
        raise BadValue(
            f"“{shown(value)}” is not an IP address or a network such as 10.0.0.0/8"
        ) from None


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


@dataclass(frozen=True, kw_only=True)
class Key:
    """What can stand before a colon: its words, the values that it takes, how it is explained."""

    name: str
    label: str
    check: Callable[[str], str] = _text
    compares: bool = False
    choices: tuple[str, ...] = ()
    shown: Callable[[str], str] = str
    """A value as people know it."""
    of_actor: bool = False
    """Whether only the actors table has the answer."""
    hint: str = ""
    """What stands after the label while a person types it."""
    example: str
    """A term with this key, for the help."""
    meaning: str
    """What the example finds."""


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key(
            name="activity",
            label="Activity type",
            check=_prefixable,
            hint="such as user.login or user.*",
            example="activity:user.*",
            meaning="an activity, or all that start with user.",
        ),
        Key(
            name="status",
            label="Status",
            check=_choice("Status", STATUSES),
            choices=STATUSES,
            shown=str.capitalize,
            example="status:error",
            meaning="success or error",
        ),
        Key(
            name="method",
            label="HTTP method",
            check=_method,
            choices=METHODS,
            example="method:POST,PUT",
            meaning="either of them",
        ),
        Key(
            name="user",
            label="User",
            of_actor=True,
            hint="id, name or e-mail",
            example='user:"Ann Lee"',
            meaning="id, name or e-mail",
        ),
        Key(
            name="role",
            label="Role",
            choices=("admin", "auditor", "member", "service"),
            of_actor=True,
            example="role:admin",
            meaning="who has this role now",
        ),
        Key(
            name="user_status",
            label="User status",
            check=_choice("User status", USER_STATUSES),
            choices=USER_STATUSES,
            shown=str.capitalize,
            of_actor=True,
            example="user_status:disabled",
            meaning="who is active or disabled now",
        ),
        Key(
            name="ip",
            label="IP address",
            check=_address,
            hint="an address or a network",
            example="ip:10.0.0.0/8",
            meaning="an address or a network",
        ),
        Key(
            name="platform",
            label="Platform",
            check=_choice("Platform", PLATFORMS),
            choices=PLATFORMS,
            example="platform:linux",
            meaning="of the user agent",
        ),
        Key(
            name="browser",
            label="Browser",
            hint="such as Chrome",
            example="browser:firefox",
            meaning="of the user agent; the beginning is enough",
        ),
        Key(
            name="ms",
            label="Response time",
            check=_milliseconds,
            compares=True,
            hint="response time in ms",
            example="ms:>500",
            meaning="slower than 500 ms",
        ),
        Key(
            name="code",
            label="Status code",
            check=_code,
            compares=True,
            hint="such as 404 or 4xx",
            example="code:4xx",
            meaning="a status code, or a hundred of them",
        ),
        Key(
            name="path",
            label="Path",
            check=_prefixable,
            hint="such as /invoices/*",
            example="path:/invoices/*",
            meaning="a path, or all that start so",
        ),
        Key(
            name="target",
            label="Target",
            hint="id of what it was done to",
            example="target:inv_42",
            meaning="id, name or type of what it was done to",
        ),
        Key(
            name="request",
            label="Request",
            hint="request id",
            example="request:req_7Q",
            meaning="events of one request",
        ),
        Key(
            name="workspace",
            label="Workspace",
            hint="slug",
            example="workspace:acme",
            meaning="by its slug, where there are several",
        ),
        Key(
            name="has",
            label="Event",
            check=_choice("What an event has", PARTS),
            choices=PARTS,
            hint="changes, metadata or targets",
            example="has:changes",
            meaning="events with changes, metadata or targets",
        ),
    )
}

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
        return _metadata_key(path) if all(path.split(".")) else None
    return KEYS.get(name.lower())


def _metadata_key(path: str) -> Key:
    return Key(
        name=META + path,
        label=f"Metadata {path}",
        example="meta.plan:pro",
        meaning="a value in the metadata",
    )


def nearest_key(name: str) -> str | None:
    """Find the known key with the nearest spelling."""
    lower = name.lower()
    if lower in _OTHER_NAMES:
        return _OTHER_NAMES[lower]
    return next(iter(difflib.get_close_matches(lower, KEYS, n=1)), None)


def shown(text: str) -> str:
    """A value as a message can show it."""
    return text if len(text) <= 40 else f"{text[:39]}…"


def syntax() -> list[tuple[str, str]]:
    """Every kind of term with what it finds, for the help beside the search box."""
    plan = _metadata_key("plan")
    known = [(key.example, key.meaning) for key in (*KEYS.values(), plan)]
    return [*known, ('"exact words"', "this text, anywhere")]
