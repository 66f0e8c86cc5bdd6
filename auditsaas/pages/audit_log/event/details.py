"""An event in full, as the drawer and its page show it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from auditsaas.events.event_sources import teller
from auditsaas.events.filter.fields import plain_number
from auditsaas.events.filter.lifting import SAME
from auditsaas.events.labels import capitalized
from auditsaas.events.presenter import EventRow, PresentedEvent, status_words
from auditsaas.events.search.parser import QueryError, Term, parse, unparse
from auditsaas.formatting.numbers import milliseconds
from auditsaas.formatting.visible_text import visible

_JSON_TOKEN: Final = re.compile(
    r'(?P<k>"(?:[^"\\]|\\.)*")(?=:)|(?P<s>"(?:[^"\\]|\\.)*")|(?P<n>-?\d[\d.eE+-]*|true|false|null)'
)
MOST_VALUES: Final = 50


@dataclass(frozen=True, slots=True)
class Detail:
    """One line of the drawer. ``only`` and ``without`` are query strings that narrow the current
    filter to this value, or exclude it; empty where no filter can say so."""

    name: str
    text: str
    more: str = ""
    copy: str = ""
    only: str = ""
    without: str = ""
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text and what it is: of JSON, `k` key, `s` string, `n` other value or empty; of a
    change, `del`, `ins` or empty for what stays."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    before: list[Token]
    after: list[Token]


@dataclass(frozen=True, slots=True)
class EventDetails:
    actor: list[Detail]
    request: list[Detail]
    record: list[Detail]
    """Actor and targets; the HTTP request; the stored record. The page puts the times between."""
    changes: list[Change]
    metadata: list[Token]
    metadata_json: str
    metadata_values: list[Detail]
    """Single values of the metadata by their path, to filter by."""


def describe(
    row: EventRow,
    event: PresentedEvent,
    query: str = "",
    role_now: str | None = None,
    status_now: str | None = None,
    said_by: str | None = None,
) -> EventDetails:
    """Describe an event in full, as the drawer and its page show it.

    ``query`` is the list's filter, which the include and exclude links extend; the ``_now``
    values are those of ``actors`` today, and ``said_by`` is the source of these.
    """
    return EventDetails(
        actor=list(_actor(row, event, query, role_now, status_now, said_by)),
        request=list(_request(row, event, query)),
        record=list(_record(row, event)),
        changes=[
            Change(visible(field), _pieces("del", before, after), _pieces("ins", after, before))
            for field, (before, after) in (row.changes or {}).items()
        ],
        metadata=list(tokens(row.metadata)) if row.metadata else [],
        metadata_json=pretty(row.metadata) if row.metadata else "",
        metadata_values=list(islice(_values(row.metadata or {}, query), MOST_VALUES)),
    )


def with_term(query: str, term: str) -> str:
    """Add ``term`` to the search of the query string ``query``, and go back to the first page."""
    pairs = [(k, v) for k, v in parse_qsl(query) if k not in ("q", "before", "after", "view")]
    words = " ".join(v for k, v in parse_qsl(query) if k == "q")
    if term not in words.split(" "):
        words = f"{words} {term}".strip()
    return urlencode([*pairs, ("q", words)])


def with_value(query: str, key: str, value: str) -> str:
    """Choose a value alone in the filter ``key``, and go back to the first page."""
    pairs = [(k, v) for k, v in parse_qsl(query) if k not in (key, "before", "after", "view")]
    return urlencode([*pairs, (key, value)])


def term(key: str, value: str) -> str:
    """Write `ip:10.0.0.1`, `user:"Ann Lee"`; '' where the value cannot be written as a term."""
    words = unparse([Term(False, key, (value,), "=", 0, 0)])
    try:
        [read] = parse(words)
    except (QueryError, ValueError):
        return ""
    return words if (read.key, read.values) == (key, (value,)) else ""


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def tokens(value: Any) -> Iterator[Token]:
    """Write ``value`` as indented JSON, in pieces to be coloured and safe to look at."""
    text, at = pretty(value), 0
    for match in _JSON_TOKEN.finditer(text):
        if match.start() > at:
            yield Token("", text[at : match.start()])
        yield Token(match.lastgroup or "", visible(match.group()))
        at = match.end()
    yield Token("", text[at:])


def _actor(
    row: EventRow,
    event: PresentedEvent,
    query: str,
    role_now: str | None,
    status_now: str | None,
    said_by: str | None,
) -> Iterator[Detail]:
    name = row.actor_name or row.actor_email or row.actor_id
    more = " · ".join(
        visible(text) for text in (row.actor_email, row.actor_id) if text and text != name
    )
    yield _filterable("Actor", name, query, "user", row.actor_id, more=more)
    then = _role_and_status(row.actor_role, row.actor_status)
    today = _role_and_status(role_now or row.actor_role, status_now or row.actor_status)
    if then or today:
        says = f", says {teller(said_by)}" if said_by else ""
        changed = f"now {today}{says}" if today != then else ""
        # The filter knows roles as they are now.
        role = row.actor_role if role_now in (None, row.actor_role) else None
        only, without = filter_queries(query, "role", role or "")
        yield Detail("Role and status", then or "Not given", changed, then, only, without)
    yield _filterable("Activity", row.activity, query, "activity", mono=True)
    only, without = filter_queries(query, "status", row.status)
    yield Detail("Status", event.status, "", event.status, only, without)
    for target in row.targets or []:
        shown = str(target.get("name") or target.get("id"))
        more = f"{target.get('type')}, {target.get('id')}"
        yield _filterable("Target", shown, query, "target", str(target.get("id")), visible(more))
    only, without = filter_queries(query, "workspace", event.workspace_slug)
    yield Detail("Workspace", event.workspace, "", event.workspace, only, without)


def _request(row: EventRow, event: PresentedEvent, query: str) -> Iterator[Detail]:
    line = " ".join(text for text in (row.method, row.path) if text)
    if line:
        key, value = ("path", row.path) if row.path else ("method", row.method or "")
        only, without = filter_queries(query, key, value)
        yield Detail("Request", visible(line), "", line, only, without, mono=True)
    if row.method and row.path:
        yield _filterable("HTTP method", row.method, query, "method", mono=True)
    if row.status_code is not None:
        words = status_words(row.status_code)
        only, without = filter_queries(query, "code", str(row.status_code))
        yield Detail("HTTP status", words, "", words, only, without)
    if row.duration_ms is not None:
        slower = f"ms:>={int(row.duration_ms)}"
        only, without = with_term(query, slower), with_term(query, f"-{slower}")
        text = milliseconds(row.duration_ms)
        yield Detail("Response Time", text, "", plain_number(row.duration_ms), only, without)
    if row.ip is not None:
        yield _filterable("IP Address", str(row.ip), query, "ip")
    if row.user_agent:
        known = row.browser or row.platform not in (None, "", "Other")
        client = " · ".join(text for text in (row.platform, row.browser) if text and known)
        more = visible(row.user_agent) if client else ""
        shown = visible(client or row.user_agent)
        only, without = filter_queries(query, "platform", row.platform or "")
        yield Detail("User Agent", shown, more, row.user_agent, only, without)
    if row.request_id:
        yield _filterable("Request ID", row.request_id, query, "request", mono=True)


def _record(row: EventRow, event: PresentedEvent) -> Iterator[Detail]:
    yield Detail("Sequence", f"{row.seq:,}", f"in {event.workspace}", copy=str(row.seq))


def _filterable(
    name: str,
    text: str,
    query: str,
    key: str,
    value: str | None = None,
    more: str = "",
    mono: bool = False,
) -> Detail:
    only, without = filter_queries(query, key, value or text)
    return Detail(name, visible(text), more, text, only, without, mono)


def _values(found: dict[str, Any], query: str, path: str = "meta") -> Iterator[Detail]:
    for name, value in found.items():
        key = f"{path}.{name}"
        if isinstance(value, dict):
            yield from _values(value, query, key)
        elif isinstance(value, str | int | float):
            plain = _plain(value)
            only, without = filter_queries(query, key, value if isinstance(value, str) else plain)
            if only:
                name = visible(key.removeprefix("meta."))
                yield Detail(name, visible(plain), "", plain, only, without, mono=True)


def filter_queries(query: str, key: str, value: str) -> tuple[str, str]:
    """Build the filters that leave only a value, and that exclude it; '' where no term can."""
    words = term(key, value) if value else ""
    if not words:
        return "", ""
    is_filter = key in SAME and value == value.strip()  # parameters are read without spaces
    only = with_value(query, key, value) if is_filter else with_term(query, words)
    return only, with_term(query, f"-{words}")


def _role_and_status(role: str | None, status: str | None) -> str:
    shown = (
        capitalized(visible(role)) if role else "",
        capitalized(status) if status else "",
    )
    return " · ".join(text for text in shown if text)


def _pieces(kind: str, value: Any, other: Any) -> list[Token]:
    """Split a list into items, marked where the other side lacks them; all else is one piece."""
    if isinstance(value, list) and isinstance(other, list):
        return [Token("" if item in other else kind, _plain(item)) for item in value]
    return [] if value is None else [Token(kind, _plain(value))]


def _plain(value: Any) -> str:
    """Write strings as they are, everything else as JSON."""
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
