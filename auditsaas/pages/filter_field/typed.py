"""Reads the filter that a form or an address holds; what cannot be understood stays as typed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.filter import text as filter_text
from auditsaas.events.filter.event_filter import EMPTY, FILTERS, EventFilter
from auditsaas.events.filter.period import PRESETS
from auditsaas.events.filter.reader import ALL_TIME
from auditsaas.events.filter.unify import unify

MAX_QUERY: Final = 16_000
"""The longest filter that is given as one text."""
PERIOD: Final = ("range", "from", "to")
OF_THE_LOG: Final = ("limit", "before", "after", "at", "term")
"""Parameters of a page of the log, which say nothing of its filter."""
ALL: Final = "all"
"""In place of a saved view's id: everything."""
NAMES: Final = (*FILTERS, "q")
"""The parameters of a filter without its period."""

Args = MultiDict[str, str]
Pairs = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class TypedFilter:
    """A filter without a period, as it was typed, with all that is wrong with it."""

    args: Args = field(default_factory=MultiDict)
    """The parameters of filters, by their names in the log's address."""
    unknown: Sequence[tuple[str, str]] = ()
    """Parameters that no filter has."""
    event_filter: EventFilter = EMPTY
    """What is understood; empty where something is wrong."""
    usable: EventFilter = EMPTY
    """What of it is right by itself, for the controls."""
    problems: Sequence[FieldError] = ()
    period: str = ""
    """The period that was left out, in words; '' where none was given."""

    @property
    def wrong(self) -> frozenset[str]:
        """The parameters that something is wrong with."""
        return frozenset(problem.field for problem in self.problems)

    def understood(self) -> EventFilter:
        """Return the filter; raise InvalidFields where something of it is wrong."""
        if self.problems:
            raise InvalidFields(list(self.problems))
        return self.event_filter


def of_form(fields: Args, views: Mapping[str, str], slugs: Sequence[str]) -> TypedFilter:
    """Read the filter of a form that has the field, whatever else the form holds.

    ``views`` are saved queries by id; one that the form chooses stands in place of its controls.
    ``slugs`` are the workspace's, that of today first.
    """
    chosen = fields.get("view", "")
    if chosen:
        return _read([("view", chosen)], views, slugs)
    own = [pair for pair in fields.items(multi=True) if pair[0] in NAMES]
    return _read([*own, *_written(fields)], views, slugs)


def of_address(
    args: Args, views: Mapping[str, str], slugs: Sequence[str], *, beside: Collection[str]
) -> TypedFilter:
    """Read the filter of a form's address: parameters as the log's own, or a text in ``query``.

    ``beside`` names what else the address may hold; anything more is refused by name. Terms of the
    search that a control says as well become that control.
    """
    given = [pair for pair in args.items(multi=True) if pair[0] not in (*beside, "query")]
    return _in_controls(_read([*given, *_written(args)], views, slugs))


def of_query(query: str) -> TypedFilter:
    """Read a filter that was saved as a query string."""
    return _in_controls(_read(parse_qsl(query), {}, ()))


def _written(fields: Args) -> Pairs:
    """Read the parameters that the texts in ``query`` give; one that is too long stays whole."""
    found: Pairs = []
    for text in fields.getlist("query"):
        if len(text) > MAX_QUERY:
            found.append(("query", text))
        else:
            found += filter_text.arguments(text).items(multi=True)
    return found


def _read(given: Pairs, views: Mapping[str, str], slugs: Sequence[str]) -> TypedFilter:
    problems: list[FieldError] = []
    given = _with_view(given, views, problems)
    args: Args = MultiDict([pair for pair in given if pair[0] in NAMES])
    _drop_workspace(args, slugs, problems)
    unknown = [pair for pair in given if pair[0] not in (*NAMES, *PERIOD, *OF_THE_LOG)]
    event_filter = EMPTY
    if any(name == "query" for name, _ in unknown):
        problems.append(FieldError("query", "This filter is too long."))
    else:
        event_filter = _parse(MultiDict([*args.items(multi=True), *unknown]), problems)
    wrong = {problem.field for problem in problems}
    right = MultiDict([pair for pair in args.items(multi=True) if pair[0] not in wrong])
    return TypedFilter(
        args=args,
        unknown=unknown,
        event_filter=EMPTY if problems else event_filter,
        usable=_parse(right, []) if problems else event_filter,
        problems=problems,
        period=_period(given),
    )


def _parse(args: Args, problems: list[FieldError]) -> EventFilter:
    """Parse the parameters; add what is wrong with them to ``problems``, and return nothing."""
    try:
        return EventFilter.from_args(args, zone=ZoneInfo("UTC"), now=datetime.now(UTC), beside=())
    except InvalidFields as error:
        problems += error.errors
        return EMPTY


def _with_view(given: Pairs, views: Mapping[str, str], problems: list[FieldError]) -> Pairs:
    """Add the parameters of the saved view that is named; those given beside it override them."""
    named = next((value for name, value in given if name == "view"), "")
    given = [pair for pair in given if pair[0] != "view"]
    if named in ("", ALL):
        return given
    if named not in views:
        problems.append(FieldError("view", "There is no such saved view."))
        return given
    names = {name for name, _ in given}
    return [pair for pair in parse_qsl(views[named]) if pair[0] not in names] + given


def _drop_workspace(args: Args, slugs: Sequence[str], problems: list[FieldError]) -> None:
    """Leave out the workspace that the form is of, and refuse any other."""
    if any(slug not in slugs for slug in args.poplist("workspace")):
        words = f"This reads the workspace {slugs[0]} only." if slugs else "Name no workspace."
        problems.append(FieldError("workspace", words))


def _period(given: Iterable[tuple[str, str]]) -> str:
    """Word the period of a log's address; '' where it has none."""
    period = {name: value for name, value in given if name in PERIOD and value}
    if period in ({}, {"range": ALL_TIME}):
        return ""
    return PRESETS.get(period.get("range", ""), "Custom range")


def _in_controls(typed: TypedFilter) -> TypedFilter:
    """Move terms of the search into the controls that say the same, where one can show them."""
    unified = unify(typed.event_filter)
    if unified is typed.event_filter:
        return typed
    args = MultiDict(unified.to_args())
    return replace(typed, args=args, event_filter=unified, usable=unified)
