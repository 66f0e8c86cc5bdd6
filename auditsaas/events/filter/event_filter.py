"""The filter: parsed once, then applied, written back and described by the same object.

The page, its counts, the API, exports and schedules all take an ``EventFilter``, so a file always
matches the screen it was asked from. Parameters are those of CONTRACT "The filter".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from auditsaas.errors import InvalidFields
from auditsaas.events.conditions import (
    KIND_OF_SOURCE,
    among,
    are_indexed,
    came_from,
    has_status,
    in_networks,
    is_disabled,
    matches_activity,
)
from auditsaas.events.event_sources import KINDS, in_words
from auditsaas.events.filter import written
from auditsaas.events.filter.dates import DEFAULT_DATE_FORMAT
from auditsaas.events.filter.fields import Filter, choices, declared, number
from auditsaas.events.filter.period import TimeRange, instant
from auditsaas.events.filter.reader import CUSTOM, Arguments, Reader
from auditsaas.events.filter.written import AsWritten, Written
from auditsaas.events.labels import capitalized, label
from auditsaas.events.models import events
from auditsaas.events.search.parser import Term
from auditsaas.events.search.terms import STATUSES, USER_STATUSES
from auditsaas.events.search.values import METHODS
from auditsaas.events.search.wording import describe as describe_term
from auditsaas.events.writing.useragent import PLATFORMS


class FilterError(InvalidFields):
    """One or more parameters cannot be understood; nothing is run."""


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Values of one field are alternatives; different fields must all hold.

    A filter is one record here: see ``fields.Filter``.
    """

    status: tuple[str, ...] = choices(
        "status",
        written=Written("status"),
        api="success or error.",
        read=lambda reader, name: reader.choices(name, STATUSES),
        choices=STATUSES,
        condition=has_status,
        indexed=True,
        lead=2,
        rolled_up=True,
        column=events.c.status,
        shown=str.capitalize,
        panel="fixed",
    )
    activity: tuple[str, ...] = choices(
        "activity",
        written=Written("activity", written.begins),
        api="An activity; a trailing * makes it a prefix: user.*",
        read=lambda reader, name: reader.prefixes(name),
        condition=lambda values: matches_activity(events.c.activity, values),
        indexed=True,
        lead=1,
        splits=lambda values: not any(value.endswith("*") for value in values),
        rolled_up=True,
        column=events.c.activity,
        shown=lambda value: value if value.endswith("*") else label(value),
        panel="listed",
    )
    method: tuple[str, ...] = choices(
        "method",
        written=Written("method"),
        api="A method of HTTP.",
        read=lambda reader, name: reader.methods(name),
        choices=METHODS,
        closed=False,
        condition=lambda values: among(events.c.method, values),
        rolled_up=True,
        column=events.c.method,
        panel="fixed",
    )
    workspace: tuple[str, ...] = choices(
        "workspace",
        api="Slugs; a key reads its own workspace only.",
        read=lambda reader, name: reader.texts(name),
        rolled_up=True,
        column=events.c.workspace_id,
        panel="own",
    )
    user: tuple[str, ...] = choices(
        "user",
        api="Ids of actors, names that they have now, or e-mail addresses that they ever had.",
        read=lambda reader, name: reader.texts(name),
        of_actor=lambda row: row.actor,
        panel="own",
    )
    role: tuple[str, ...] = choices(
        "role",
        written=Written("actor.role", condition=partial(among, events.c.actor_role)),
        api="Roles that actors have now.",
        read=lambda reader, name: reader.texts(name),
        of_actor=lambda row: row.role,
        shown=capitalized,
        panel="listed",
    )
    user_status: tuple[str, ...] = choices(
        "user_status",
        written=Written("actor.status", written.stands, is_disabled),
        api="What actors are now.",
        read=lambda reader, name: reader.choices(name, USER_STATUSES),
        choices=USER_STATUSES,
        of_actor=lambda row: "disabled" if row.status == "disabled" else "active",
        shown=str.capitalize,
        panel="fixed",
    )
    ip: tuple[str, ...] = choices(
        "ip",
        written=Written("ip", written.within),
        api="Addresses, or networks as CIDR.",
        read=lambda reader, name: reader.networks(name),
        condition=in_networks,
        indexed=True,
        lead=0,
        splits=lambda values: not any("/" in value for value in values),
    )
    """Addresses or networks, in their usual spelling."""
    platform: tuple[str, ...] = choices(
        "platform",
        written=Written("platform"),
        api="Platforms.",
        read=lambda reader, name: reader.choices(name, PLATFORMS),
        choices=PLATFORMS,
        condition=lambda values: among(events.c.platform, values),
        column=events.c.platform,
        panel="fixed",
    )
    browser: tuple[str, ...] = choices(
        "browser",
        api="Browsers.",
        read=lambda reader, name: reader.texts(name),
        condition=lambda values: among(events.c.browser, values),
        column=events.c.browser,
        panel="listed",
    )
    source: tuple[str, ...] = choices(
        "source",
        written=Written("source", written.came_from),
        api="Where events came from: product, cli, none (not recorded), or api: or import: and an"
        " id; a trailing * makes it a prefix: api:*",
        read=lambda reader, name: reader.sources(name),
        choices=tuple(KINDS),
        closed=False,
        condition=came_from,
        indexed=are_indexed,
        splits=are_indexed,
        column=KIND_OF_SOURCE,
        shown=in_words,
        panel="fixed",
    )
    min_ms: float | None = number(
        "min_ms",
        title="Response time at least",
        api="The shortest response time, in ms.",
        read=lambda reader, name: reader.milliseconds(name),
        condition=lambda value: events.c.duration_ms >= value,
        shown=lambda value: f"{value} ms",
        phrase=lambda value: f"response time is {value:,.10g} ms or more",
    )
    max_ms: float | None = number(
        "max_ms",
        title="Response time at most",
        api="The longest response time, in ms.",
        read=lambda reader, name: reader.milliseconds(name),
        condition=lambda value: events.c.duration_ms <= value,
        shown=lambda value: f"{value} ms",
        phrase=lambda value: f"response time is {value:,.10g} ms or less",
    )
    q: str = ""
    """The search box, as typed."""
    terms: tuple[Term, ...] = ()
    """The terms of the search box; all of them must hold."""
    range: str | None = None
    """A preset's key, ``custom`` where dates are given, None for all time."""
    from_text: str = ""
    to_text: str = ""
    period: TimeRange = field(default=TimeRange())
    """The range as instants, as of when it was parsed."""
    as_written: AsWritten | None = None
    """How people are meant in an export with proof; no parameter says it."""

    @classmethod
    def from_args(
        cls,
        args: Arguments,
        *,
        zone: ZoneInfo,
        now: datetime,
        date_format: str = DEFAULT_DATE_FORMAT,
        beside: Collection[str] | None = None,
    ) -> EventFilter:
        """Parse query arguments, reading dates in ``zone``.

        ``beside`` names what else the arguments may hold; where it is given, others are refused.

        Raises:
            FilterError: naming every parameter that cannot be understood.
        """
        reader = Reader(args)
        if beside is not None:
            reader.refuse_unknown(PARAMETERS, beside)
        values: dict[str, Any] = {name: known.read(reader, name) for name, known in FILTERS.items()}
        shortest, longest = values["min_ms"], values["max_ms"]
        if shortest is not None and longest is not None and longest < shortest:
            reader.refuse("max_ms", "The longest response time is below the shortest.")
        values |= reader.search() | reader.range(zone, now, date_format)
        if reader.errors:
            raise FilterError(reader.errors)
        return cls(**values)

    def to_args(self) -> list[tuple[str, str]]:
        """Write the filter as query arguments, in one canonical order; reverses ``from_args``."""
        pairs = [
            pair for name, known in FILTERS.items() for pair in known.pairs(getattr(self, name))
        ]
        if self.q:
            pairs.append(("q", self.q))
        if self.range and self.range != CUSTOM:
            pairs.append(("range", self.range))
        pairs += [
            (name, text) for name, text in (("from", self.from_text), ("to", self.to_text)) if text
        ]
        return pairs

    def query_string(self) -> str:
        return urlencode(self.to_args())

    def with_period(self, period: TimeRange) -> EventFilter:
        """Return the same filter over fixed instants, written as RFC 3339 in UTC."""
        return replace(
            self,
            range=CUSTOM if period.start or period.end else None,
            from_text=instant(period.start),
            to_text=instant(period.end),
            period=period,
        )

    def without(self, name: str) -> EventFilter:
        """Return the filter without its choice in one field."""
        if name == "range":
            return replace(self, range=None, from_text="", to_text="", period=TimeRange())
        cleared: dict[str, Any] = {name: getattr(EMPTY, name)}
        if name == "q":
            cleared["terms"] = EMPTY.terms  # what the text was read as
        return replace(self, **cleared)

    def active_fields(self) -> list[str]:
        """List the fields that narrow the filter."""
        names = [name for name, _ in self.to_args()]
        return list(dict.fromkeys("range" if name in ("from", "to") else name for name in names))

    @property
    def names_actors(self) -> bool:
        """Whether it asks what only the actors table knows."""
        return any(getattr(self, name) for name in OF_ACTORS)

    @property
    def hourly(self) -> bool:
        """Whether the hourly counts can answer it exactly (whole hours; parts are counted)."""
        unknown = (name for name, known in FILTERS.items() if not known.rolled_up)
        return not self.terms and all(getattr(self, name) in ((), None) for name in unknown)

    def describe(self) -> str:
        """Describe the filter, without its range, as a part of a sentence; '' when it is empty."""
        parts = [known.describe(getattr(self, name)) for name, known in FILTERS.items()]
        parts += map(describe_term, self.terms)
        sentence = " and ".join(part for part in parts if part)
        if self.as_written is not None and self.names_actors:
            sentence += ", people as each event names them"
        return sentence[:1].upper() + sentence[1:]


FILTERS: Final[Mapping[str, Filter]] = declared(EventFilter)
OF_ACTORS: Final = tuple(name for name, known in FILTERS.items() if known.of_actor is not None)
"""Filters that ask what only the actors table knows."""
PARAMETERS: Final = (*FILTERS, "q", "range", "from", "to")
"""Every query parameter of a filter."""
EMPTY = EventFilter()
