"""Answers what is asked of very many events from blocks: counts, values, bars and percentiles.

All of it is exact. ``NotKept`` says that the blocks cannot answer; then the events are asked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from auditsaas.events.columns.block import ACTOR, DURATION, TIME, Block, minute_of
from auditsaas.events.event_sources import kind_of
from auditsaas.events.filter.actors import actor_pairs
from auditsaas.events.filter.event_filter import FILTERS, OF_ACTORS, EventFilter
from auditsaas.events.models import actors
from auditsaas.events.reading.blocks import percentiles
from auditsaas.events.reading.blocks.loading import NotKept, Part, Wanted, load
from auditsaas.events.reading.blocks.matching import FIELD_OF, answers, fields_of, matching
from auditsaas.events.reading.blocks.percentiles import Timed

MOST_WORKSPACES: Final = 20
"""Of more, each with blocks of its own, the events are asked."""
MOST_PEOPLE: Final = 20_000
"""The most actors that are looked up for a filter or a facet."""

Values = dict[str, Counter[Any]]


@dataclass(frozen=True)
class Match:
    """A block, and the mask of what the filter matches in it."""

    workspace_id: UUID
    block: Block
    within: int


@dataclass(frozen=True)
class Times:
    """The response times of all that a filter matches, in ms; ``n`` says of how many events."""

    p50: float
    p95: float
    max: float
    n: int


def matches(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    fields: Collection[str] = (),
    edges: Sequence[datetime] = (),
) -> Iterator[Match]:
    """Yield the blocks in which a filter matches something, with these fields of them.

    Raises:
        NotKept: the blocks cannot answer.
    """
    asked = fields_of(event_filter)
    loaded = _loaded(session, workspace_ids, [event_filter], asked | set(fields), edges)
    for workspace_id in workspace_ids:
        yield from _matching(session, workspace_id, event_filter, loaded[workspace_id])


def count(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> dict[UUID, tuple[int, int]]:
    """Count the matching events of each workspace, and the errors among them."""
    found = dict.fromkeys(workspace_ids, (0, 0))
    for match in matches(session, workspace_ids, event_filter, ["status"]):
        total, errors = found[match.workspace_id]
        status = match.block.words["status"]
        failed = status.among([word == "error" for word in status.words], match.within)
        total, errors = total + match.within.bit_count(), errors + failed.bit_count()
        found[match.workspace_id] = total, errors
    return found


def tally(
    session: Session, groups: Mapping[EventFilter, tuple[Sequence[UUID], Sequence[str]]]
) -> list[Values]:
    """Count the values of fields, each group of them under a filter and in workspaces of its own.

    The events are loaded once for all groups, which are of one period.
    """
    fields = {FIELD_OF[name] for _, names in groups.values() for name in names if name in FIELD_OF}
    fields |= {field for event_filter in groups for field in fields_of(event_filter)}
    everywhere = list(dict.fromkeys(key for ids, _ in groups.values() for key in ids))
    loaded = _loaded(session, everywhere, list(groups), fields, ())
    found = []
    for event_filter, (ids, names) in groups.items():
        counted: Values = {name: Counter() for name in names}
        for workspace_id in ids:
            of_log = list(_matching(session, workspace_id, event_filter, loaded[workspace_id]))
            _tally(session, workspace_id, of_log, counted)
        found.append(counted)
    return found


def bars(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    edges: Sequence[datetime],
) -> dict[UUID, Counter[tuple[int, str]]]:
    """Count the matching events of each workspace by bar, from 1, and status.

    ``edges`` are whole minutes; those of each bar's start and of the last one's end.
    """
    found: dict[UUID, Counter[tuple[int, str]]] = {key: Counter() for key in workspace_ids}
    minutes = [minute_of(edge) for edge in edges]
    for match in matches(session, workspace_ids, event_filter, ["status", TIME], edges):
        status, counted = match.block.words["status"], found[match.workspace_id]
        failed = status.among([word == "error" for word in status.words], match.within)
        for bar, places in _bars(match.block, minutes):
            counted[bar, "error"] += (errors := (failed & places).bit_count())
            counted[bar, "success"] += (match.within & places).bit_count() - errors
    return found


def times(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> tuple[Times | None, Counter[UUID]]:
    """Measure the response times of the matching events; of how many of each workspace."""
    parts, counted = list[Timed](), Counter[UUID]()
    for match in matches(session, workspace_ids, event_filter, [DURATION]):
        durations = match.block.durations
        if durations is not None:
            within = match.within ^ durations.below(1, match.within)
            counted[match.workspace_id] += within.bit_count()
            parts += [Timed(durations, within)] if within else []
    total = counted.total()
    if not total:
        return None, counted
    half, most = (percentiles.percentile(parts, share, total) for share in (0.5, 0.95))
    return Times(half, most, max(part.longest for part in parts), total), counted


def _loaded(
    session: Session,
    workspace_ids: Sequence[UUID],
    asked: Sequence[EventFilter],
    fields: Collection[str],
    edges: Sequence[datetime],
) -> dict[UUID, list[Part]]:
    if len(workspace_ids) > MOST_WORKSPACES:
        raise NotKept(f"{len(workspace_ids):,} workspaces are asked")
    if not all(map(answers, asked)):
        raise NotKept("the filter asks what no block knows")
    narrowed = any(map(fields_of, asked)) or bool(edges)
    period = asked[0].period
    wanted = Wanted(
        period, frozenset(fields) - {TIME}, edges, places=narrowed or DURATION in fields
    )
    return load(session, workspace_ids, wanted)


def _matching(
    session: Session, workspace_id: UUID, event_filter: EventFilter, parts: Sequence[Part]
) -> Iterator[Match]:
    people = None
    if event_filter.names_actors:
        pairs = actor_pairs(session, [workspace_id], event_filter, MOST_PEOPLE)
        if pairs is None:
            raise NotKept("too many people are asked for")
        people = {actor for _, actor in pairs}
    for part in parts:
        if within := matching(part, event_filter, people):
            yield Match(workspace_id, part.block, within)


def _bars(block: Block, minutes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the bars that a block has events of, each with the mask of their places."""
    first = bisect_right(minutes, block.first_minute)
    last = bisect_right(minutes, block.last_minute)
    if first == last:
        yield first, block.whole
        return
    for bar in range(first, last + 1):
        end = minutes[bar] if bar < len(minutes) else block.last_minute + 1
        start = minutes[bar - 1] if bar else block.first_minute
        if places := block.span(start, end):
            yield bar, places


def _tally(session: Session, workspace_id: UUID, of_log: Sequence[Match], counted: Values) -> None:
    """Add the values of one workspace's matches."""
    people: Counter[Any] = Counter()
    for name in counted:
        if name == "workspace":
            if of_log:
                counted[name][workspace_id] += sum(match.within.bit_count() for match in of_log)
        elif name in OF_ACTORS:
            people = people or _values(of_log, ACTOR)
        else:
            for value, n in _values(of_log, FIELD_OF[name]).items():
                counted[name][kind_of(value) if name == "source" else value] += n
    if people:
        _add_people(session, workspace_id, people, counted)


def _values(of_log: Sequence[Match], field: str) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for match in of_log:
        known = match.block.words[field]
        for word, n in known.counted(match.within, match.block.events).items():
            found[word] += n
    return found


def _add_people(
    session: Session, workspace_id: UUID, people: Counter[Any], counted: Values
) -> None:
    """Add actors with what is known of them now."""
    if len(people) > MOST_PEOPLE:
        raise NotKept(f"{len(people):,} people are counted")
    found = select(actors.c.id.label("actor"), actors.c.role, actors.c.status).where(
        actors.c.workspace_id == workspace_id,
        actors.c.id == any_(literal(list(people), ARRAY(Text))),
    )
    known = {row.actor: row for row in session.execute(found)}
    for actor, n in people.items():
        row = known.get(actor, _Unknown(actor))
        for name in OF_ACTORS:
            of_actor = FILTERS[name].of_actor
            if name in counted and of_actor is not None:
                counted[name][of_actor(row)] += n


@dataclass(frozen=True)
class _Unknown:
    """An actor of whom nothing is known but the id."""

    actor: str
    role: None = None
    status: None = None
