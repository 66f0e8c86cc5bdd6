"""The filter: parsed once, then applied, written back and described by the same object.

The page, its counts, the API, exports and schedules all take an ``EventFilter``, so a file always
matches the screen it was asked from. Parameters are those of CONTRACT "The filter".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_

from auditsaas.db.ids import first_id_at, first_id_of, milliseconds_since_epoch
from auditsaas.errors import InvalidFields
from auditsaas.events.conditions import among, in_network, matches_activity
from auditsaas.events.filter.dates import DEFAULT_DATE_FORMAT
from auditsaas.events.filter.parsing import CUSTOM, Arguments, read
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.labels import label
from auditsaas.events.models import events
from auditsaas.events.search.parser import Term
from auditsaas.events.search.terms import STATUSES
from auditsaas.events.search.to_sql import condition
from auditsaas.events.search.wording import describe as describe_term

Condition = ColumnElement[bool]


class Who(Protocol):
    """Whether an event was done by whom a filter's user, role and user status mean.

    With the condition comes whether an index serves it.
    """

    def __call__(self, event_filter: EventFilter, /) -> tuple[Condition, bool]: ...


class FilterError(InvalidFields):
    """One or more parameters cannot be understood; nothing is run."""


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Values of one field are alternatives; different fields must all hold."""

    status: tuple[str, ...] = ()
    activity: tuple[str, ...] = ()
    """Exact, or a prefix where it ends in ``*``."""
    method: tuple[str, ...] = ()
    workspace: tuple[str, ...] = ()
    """Slugs, where several workspaces are in scope."""
    user: tuple[str, ...] = ()
    """Actor ids or e-mail addresses."""
    role: tuple[str, ...] = ()
    user_status: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    """Addresses or networks, in their usual spelling."""
    platform: tuple[str, ...] = ()
    min_ms: float | None = None
    max_ms: float | None = None
    q: str = ""
    """The search box, as typed."""
    terms: tuple[Term, ...] = ()
    """What the search box means; all of them must hold."""
    range: str | None = None
    """A preset's key, ``custom`` where dates are given, None for all time."""
    from_text: str = ""
    to_text: str = ""
    period: TimeRange = field(default=TimeRange())
    """What the range meant when it was parsed."""

    @classmethod
    def from_args(
        cls,
        args: Arguments,
        *,
        zone: ZoneInfo,
        now: datetime,
        date_format: str = DEFAULT_DATE_FORMAT,
    ) -> EventFilter:
        """Parse query arguments, reading dates in ``zone``.

        Raises:
            FilterError: naming every parameter that cannot be understood.
        """
        values, errors = read(args, zone, now, date_format)
        if errors:
            raise FilterError(errors)
        return cls(**values)

    def to_args(self) -> list[tuple[str, str]]:
        """The filter as query arguments, in one canonical order; the reverse of ``from_args``."""
        several = (
            "status",
            "activity",
            "method",
            "workspace",
            "user",
            "role",
            "user_status",
        )
        pairs = [(name, value) for name in several for value in getattr(self, name)]
        pairs += [("ip", value) for value in self.ip]
        pairs += [("platform", value) for value in self.platform]
        for name in ("min_ms", "max_ms"):
            value = getattr(self, name)
            if value is not None:
                pairs.append((name, plain_number(value)))
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
        """The same filter over fixed instants, written as RFC 3339 in UTC."""
        return replace(
            self,
            range=CUSTOM if period.start or period.end else None,
            from_text=_instant(period.start),
            to_text=_instant(period.end),
            period=period,
        )

    def without(self, name: str) -> EventFilter:
        """The filter without its choice in one field."""
        if name == "range":
            return replace(self, range=None, from_text="", to_text="", period=TimeRange())
        cleared: dict[str, Any] = {name: getattr(EMPTY, name)}
        if name == "q":
            cleared["terms"] = EMPTY.terms  # what the text was read as
        return replace(self, **cleared)

    def active_fields(self) -> list[str]:
        """The fields that narrow it."""
        names = [name for name, _ in self.to_args()]
        return list(dict.fromkeys("range" if name in ("from", "to") else name for name in names))

    @property
    def names_actors(self) -> bool:
        """Whether it asks what only the actors table knows."""
        return bool(self.user or self.role or self.user_status)

    def alternatives(self) -> list[EventFilter]:
        """The filter split into filters of one activity or one address each, to be merged.

        An index by activity is ordered by time only below a single activity; a few ordered walks
        beat one sort of everything that any of them matches.
        """
        plain = [value for value in self.activity if not value.endswith("*")]
        if len(plain) > 1 and len(plain) == len(self.activity):
            return [replace(self, activity=(value,)) for value in plain]
        if len(self.ip) > 1 and not any("/" in value for value in self.ip):
            return [replace(self, ip=(value,)) for value in self.ip]
        return [self]

    @property
    def hourly(self) -> bool:
        """Whether the hourly counts can answer it exactly (whole hours; parts are counted)."""
        return not (
            self.names_actors
            or self.ip
            or self.platform
            or self.min_ms is not None
            or self.max_ms is not None
            or self.terms
        )

    def conditions(self, who: Who) -> tuple[list[Condition], list[Condition]]:
        """What an event must meet, besides its workspace: what an index serves, and the rest.

        ``who`` says what a filter of user, role and user status means in that workspace.
        """
        indexed = list(self.period_conditions())
        checked: list[Condition] = []
        if self.status and set(self.status) != set(STATUSES):
            indexed.append(events.c.status == self.status[0])
        if self.activity:
            indexed.append(matches_activity(events.c.activity, self.activity))
        if self.names_actors:
            did, listed = who(self)
            (indexed if listed else checked).append(did)
        if self.ip:
            indexed.append(or_(*(in_network(value) for value in self.ip)))
        if self.method:
            checked.append(among(events.c.method, self.method))
        if self.platform:
            checked.append(among(events.c.platform, self.platform))
        if self.min_ms is not None:
            checked.append(events.c.duration_ms >= self.min_ms)
        if self.max_ms is not None:
            checked.append(events.c.duration_ms <= self.max_ms)
        checked += [condition(term, _by_term(who)) for term in self.terms]
        return indexed, checked

    def period_conditions(self) -> Iterable[ColumnElement[bool]]:
        """The period as a range of ids, since an event's id is its time (to the millisecond)."""
        start, end = self.period.start, self.period.end
        if start is not None:
            yield events.c.id >= first_id_at(start)
            if milliseconds_since_epoch(start)[1]:
                yield events.c.occurred_at >= start
        if end is not None:
            whole, part = milliseconds_since_epoch(end)
            if part:
                yield events.c.id < first_id_of(whole + 1)
                yield events.c.occurred_at < end
            else:
                yield events.c.id < first_id_at(end)

    def describe(self) -> str:
        """The filter, without its range, as one English sentence part; '' when it is empty."""
        parts = [
            _phrase("Status", [value.capitalize() for value in self.status]),
            _phrase("activity", list(dict.fromkeys(map(label, self.activity)))),
            _phrase("method", self.method),
            _phrase("workspace", self.workspace),
            _phrase("user", self.user),
            _phrase("role", self.role),
            _phrase("user status", [value.capitalize() for value in self.user_status]),
            _phrase("IP address", self.ip),
            _phrase("platform", self.platform),
            _at_least(self.min_ms),
            _at_most(self.max_ms),
            *map(describe_term, self.terms),
        ]
        sentence = " and ".join(part for part in parts if part)
        return sentence[:1].upper() + sentence[1:]


EMPTY = EventFilter()


def _by_term(who: Who) -> Callable[[str, Sequence[str]], Condition]:
    def find(key: str, values: Sequence[str]) -> Condition:
        wanted: dict[str, Any] = {key: tuple(values)}
        return who(EventFilter(**wanted))[0]

    return find


def _instant(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _phrase(name: str, values: Sequence[str]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{name} is {values[0]}"
    return f"{name} is {', '.join(values[:-1])} or {values[-1]}"


def plain_number(value: float) -> str:
    """``84`` or ``0.000061``: the shortest decimal that reads back as ``value``."""
    return f"{Decimal(repr(value)).normalize():f}"


def _at_least(value: float | None) -> str:
    return "" if value is None else f"response time is {value:,.10g} ms or more"


def _at_most(value: float | None) -> str:
    return "" if value is None else f"response time is {value:,.10g} ms or less"
