"""Terms of the search box: the keys and the values that each takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from auditsaas.events.event_sources import KINDS, in_words
from auditsaas.events.labels import label
from auditsaas.events.search.values import (
    METHODS,
    address,
    choice,
    code,
    method,
    milliseconds,
    prefixable,
    source,
)
from auditsaas.events.writing.useragent import PLATFORMS

Operator = Literal["=", ">", ">=", "<", "<="]

LONGEST = 2_000
LONGEST_VALUE = 512
MOST_VALUES = 100
META = "meta."

STATUSES = ("success", "error")
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


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key before a colon: its words, the values that it takes, its explanation."""

    name: str
    label: str
    check: Callable[[str], str] = str
    compares: bool = False
    choices: tuple[str, ...] = ()
    shown: Callable[[str], str] = str
    """A value as people know it."""
    of_actor: bool = False
    """Whether only the actors table has the answer."""
    hint: str = ""
    """Words after the label while a person types it."""
    example: str
    """A term with this key, for the help."""
    meaning: str
    """A description of the events that the example finds."""


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key(
            name="activity",
            label="Activity type",
            check=prefixable,
            shown=label,
            hint="such as user.login or user.*",
            example="activity:user.*",
            meaning="an activity, or all that start with user.",
        ),
        Key(
            name="status",
            label="Status",
            check=choice("Status", STATUSES),
            choices=STATUSES,
            shown=str.capitalize,
            example="status:error",
            meaning="what failed, or with success what worked",
        ),
        Key(
            name="method",
            label="HTTP method",
            check=method,
            choices=METHODS,
            example="method:POST,PUT",
            meaning="either of these HTTP methods",
        ),
        Key(
            name="user",
            label="User",
            of_actor=True,
            hint="id, name or e-mail",
            example='user:"Ann Lee"',
            meaning="by a person or application: id, name or e-mail",
        ),
        Key(
            name="role",
            label="Role",
            choices=("admin", "auditor", "member", "service"),
            of_actor=True,
            example="role:admin",
            meaning="by those who have this role now",
        ),
        Key(
            name="user_status",
            label="User status",
            check=choice("User status", USER_STATUSES),
            choices=USER_STATUSES,
            shown=str.capitalize,
            of_actor=True,
            example="user_status:disabled",
            meaning="by those who are active or disabled now",
        ),
        Key(
            name="ip",
            label="IP address",
            check=address,
            hint="an address or a network",
            example="ip:10.0.0.0/8",
            meaning="from an address or a network",
        ),
        Key(
            name="platform",
            label="Platform",
            check=choice("Platform", PLATFORMS),
            choices=PLATFORMS,
            example="platform:linux",
            meaning="from an operating system, as the user agent tells",
        ),
        Key(
            name="browser",
            label="Browser",
            hint="such as Chrome",
            example="browser:firefox",
            meaning="from a browser; the beginning of its name is enough",
        ),
        Key(
            name="source",
            label="Source",
            check=source,
            choices=tuple(KINDS),
            shown=in_words,
            hint="product, api:*, import:*, cli",
            example="source:product",
            meaning="where it came from: the product itself, api:*, import:* or cli",
        ),
        Key(
            name="ms",
            label="Response time",
            check=milliseconds,
            compares=True,
            hint="response time in ms",
            example="ms:>500",
            meaning="slower than 500 ms; <, >= and <= likewise",
        ),
        Key(
            name="code",
            label="Status code",
            check=code,
            compares=True,
            hint="such as 404 or 4xx",
            example="code:4xx",
            meaning="an HTTP status code, or a hundred of them; > and < too",
        ),
        Key(
            name="path",
            label="Path",
            check=prefixable,
            hint="such as /invoices/*",
            example="path:/invoices/*",
            meaning="a path, or all that start so",
        ),
        Key(
            name="target",
            label="Target",
            hint="id of what it was done to",
            example="target:inv_42",
            meaning="done to something: its id, name or type",
        ),
        Key(
            name="request",
            label="Request",
            hint="request id",
            example="request:req_7Q",
            meaning="all events of one request",
        ),
        Key(
            name="workspace",
            label="Workspace",
            hint="slug",
            example="workspace:acme",
            meaning="of a workspace, by the word in its address",
        ),
        Key(
            name="has",
            label="Event",
            check=choice("What an event has", PARTS),
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
    "origin": "source", "provenance": "source",
}  # fmt: skip


def key_named(name: str) -> Key | None:
    """Find the key of a name in any case, or of a ``meta.`` path; None for another."""
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


def syntax() -> list[tuple[str, str]]:
    """List every kind of term with what it finds, for the help beside the search box."""
    plan = _metadata_key("plan")
    known = [(key.example, key.meaning) for key in (*KEYS.values(), plan)]
    return [*known, ('"exact words"', "this text, anywhere")]
