"""Facets: the values of each field of a filter, with the number of events of each.

Counts of one field ignore the filter's own choice in it. They are exact, from rollups or from
blocks of columns, where those have the answer; what only the events know is counted over the newest
100,000 of them, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.orm import Session

from auditsaas.db.together import together
from auditsaas.events import folding
from auditsaas.events.event_sources import teller
from auditsaas.events.filter.event_filter import EMPTY, FILTERS, EventFilter
from auditsaas.events.filter.lifting import lift_terms
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.labels import capitalized
from auditsaas.events.models import actors, event_counts, events
from auditsaas.events.reading import across
from auditsaas.events.reading.blocks import answers
from auditsaas.events.reading.blocks.loading import NotKept
from auditsaas.events.reading.rollups import counted, of_days_or_hours, split_hours
from auditsaas.events.reading.scans.lateral_scan import LateralScan
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.totals import CAP
from auditsaas.events.reading.value_counts import tally

WEEK = timedelta(days=7)
WORKSPACE = "workspace"
TEXT_CAP = 20_000
"""The most events that are sampled where their text decides, which takes longer."""

LAST_SEEN = 1_000
"""The newest events of each log whose actors are offered before any is counted."""

SEEN = (events.c.workspace_id, events.c.actor_id, events.c.occurred_at)


@dataclass(frozen=True)
class Facet:
    """The values of one field and their counts, most frequent first."""

    name: str
    counts: dict[Any, int]
    exact: bool


@dataclass(frozen=True)
class KnownActor:
    """An actor as known now, for an option of the User filter."""

    workspace_id: UUID
    id: str
    name: str | None
    email: str | None
    role: str | None
    status: str
    source: str | None = None
    """The source that said so; None where it was not recorded."""

    @property
    def label(self) -> str:
        return self.name or self.email or self.id

    @property
    def standing(self) -> str:
        """`Admin · Active · says an API key`."""
        known = [capitalized(word) for word in (self.role, self.status) if word]
        return " · ".join([*known, f"says {teller(self.source)}"] if self.source else known)


def facets(
    session: Session,
    workspaces: dict[str, UUID],
    event_filter: EventFilter,
    names: Sequence[str],
    *,
    shares: Shares | None = None,
) -> dict[str, Facet]:
    """Count the values of each field over ``workspaces`` (slug → id), ignoring its own choice."""
    event_filter = lift_terms(event_filter)
    found: dict[str, Facet] = {}
    by_hour: dict[EventFilter, list[str]] = {}
    by_event: dict[EventFilter, list[str]] = {}
    for name in names:
        others = event_filter.without(name)
        hourly = FILTERS[name].rolled_up and others.hourly
        (by_hour if hourly else by_event).setdefault(others, []).append(name)

    def count_hours(others: EventFilter, group: Sequence[str]) -> None:
        wanted = _with_workspace(group, shares)
        counted = _by_hour(session, chosen_ids(workspaces, others), others, wanted)
        _share(shares, counted)
        found.update({name: _ranked(name, counted[name], exact=True) for name in group})

    def count_newest(others: EventFilter, group: Sequence[str]) -> None:
        cap = TEXT_CAP if others.terms else CAP
        ids = chosen_ids(workspaces, others)
        counted, is_all = tally(session, ids, others, _with_workspace(group, shares), cap)
        _share(shares, counted)
        found.update({name: _ranked(name, counted[name], exact=is_all) for name in group})

    def count_events() -> None:
        exact = _by_block(session, workspaces, by_event, shares)
        found.update({name: _ranked(name, counts, exact=True) for name, counts in exact.items()})
        left = {others: group for others, group in by_event.items() if group[0] not in exact}
        together(session, *(partial(count_newest, others, group) for others, group in left.items()))

    hours = (partial(count_hours, others, group) for others, group in by_hour.items())
    together(session, *hours, count_events)
    return found


def _by_block(
    session: Session,
    workspaces: dict[str, UUID],
    groups: Mapping[EventFilter, Sequence[str]],
    shares: Shares | None,
) -> dict[str, Counter[Any]]:
    """Count the values of all groups from blocks; nothing where these cannot answer."""
    if not groups:
        return {}
    asked = {
        others: (chosen_ids(workspaces, others), _with_workspace(names, shares))
        for others, names in groups.items()
    }
    try:
        counted = answers.tally(session, asked)
    except NotKept:
        return {}
    for counts in counted:
        _share(shares, counts)
    return {
        name: counts[name]
        for names, counts in zip(groups.values(), counted, strict=True)
        for name in names
    }


def _with_workspace(names: Sequence[str], shares: Shares | None) -> Sequence[str]:
    return names if shares is None or WORKSPACE in names else [*names, WORKSPACE]


def _share(shares: Shares | None, counted: Mapping[str, Counter[Any]]) -> None:
    """Note how much of each workspace was counted; passes over the same events are one."""
    if shares is not None:
        shares |= counted[WORKSPACE]


def chosen_ids(workspaces: dict[str, UUID], event_filter: EventFilter) -> list[UUID]:
    """Return the ids of the workspaces that a filter names, or of all."""
    chosen = event_filter.workspace
    return [identifier for slug, identifier in workspaces.items() if not chosen or slug in chosen]


def _ranked(name: str, counted: Counter[Any], *, exact: bool) -> Facet:
    values = [item for item in counted.items() if item[0] not in ("", None)]
    return Facet(name, dict(sorted(values, key=lambda item: (-item[1], str(item[0])))), exact)


def known_actors(
    session: Session, workspace_ids: Sequence[UUID], ids: Sequence[str]
) -> list[KnownActor]:
    """Read what each workspace knows now of the actors with these ids, the newest last."""
    found = select(actors).where(actors.c.workspace_id.in_(workspace_ids), actors.c.id.in_(ids))
    ordered = found.order_by(actors.c.as_of, actors.c.workspace_id)
    return [_actor(row) for row in session.execute(ordered)]


def find_actors(
    session: Session, workspace_ids: Sequence[UUID], words: str, limit: int = 20
) -> list[KnownActor]:
    """Find actors whose id, name or e-mail address contains ``words``.

    Beginnings come first, then beginnings of words.
    """
    known = (actors.c.id, actors.c.name, actors.c.email)
    places = [
        func.strpos(func.concat(" ", func.lower(text)), f" {words.lower()}") for text in known
    ]
    begins, word_begins = or_(*(at == 1 for at in places)), or_(*(at > 1 for at in places))
    found = (
        select(actors)
        .where(actors.c.workspace_id.in_(workspace_ids), folding.contains(known, words))
        .order_by(begins.desc(), word_begins.desc(), func.coalesce(actors.c.name, actors.c.id))
        .limit(limit)
    )
    return [_actor(row) for row in session.execute(found)]


def _actor(row: Row[Any]) -> KnownActor:
    return KnownActor(
        row.workspace_id,
        row.id,
        row.name,
        row.email,
        row.role,
        row.status or "active",
        row.source,
    )


def _by_hour(
    session: Session, ids: Sequence[UUID], event_filter: EventFilter, names: Sequence[str]
) -> dict[str, Counter[Any]]:
    """Count the values of several fields in one pass over the rollups."""
    of_all = across.values(session, ids, event_filter)
    if of_all is not None:
        return {name: across.counts_of(name, of_all) for name in names}
    whole, parts = split_hours(event_filter.period)
    by_name: dict[str, Counter[Any]] = {name: Counter() for name in names}
    if whole is not None:
        ask = partial(_sums, session, ids, event_filter, whole, names)
        for *values, n in of_days_or_hours(session, ids, ask):
            for name, value in zip(names, values, strict=True):
                by_name[name][value] += int(n)
    for part in parts:
        extra, _ = tally(session, ids, event_filter.with_period(part), names, None)
        for name in names:
            by_name[name].update(extra[name])
    return by_name


def _sums(
    session: Session,
    ids: Sequence[UUID],
    event_filter: EventFilter,
    hours: TimeRange,
    names: Sequence[str],
    has_days: bool,
) -> list[Sequence[Any]]:
    """Sum up the rollups by all these fields."""
    rows = counted(session, ids, event_filter, hours, has_days=has_days)
    columns = [rows.c["workspace_id" if name == "workspace" else name] for name in names]
    return list(session.execute(select(*columns, func.sum(rows.c.n)).group_by(*columns)))


def last_seen(session: Session, workspace_ids: Sequence[UUID]) -> list[KnownActor]:
    """Read the actors of each log's newest events, most recent first.

    However many actors there are, only so many events are read.
    """
    logs = LateralScan(session, workspace_ids, EMPTY)
    newest = logs.scan(SEEN, limit=LAST_SEEN).subquery()
    seen = (
        select(newest.c.workspace_id, newest.c.actor_id, func.max(newest.c.occurred_at).label("at"))
        .group_by(newest.c.workspace_id, newest.c.actor_id)
        .subquery()
    )
    found = (
        select(actors)
        .join(
            seen,
            and_(
                actors.c.workspace_id.in_(workspace_ids),
                actors.c.workspace_id == seen.c.workspace_id,
                actors.c.id == seen.c.actor_id,
            ),
        )
        .order_by(seen.c.at.desc(), actors.c.id)
    )
    return [_actor(row) for row in session.execute(found)]


def recent_activities(session: Session, workspace_ids: Sequence[UUID], limit: int) -> list[str]:
    """Read the most frequent activities of the newest week that has any, from rollups alone."""
    newest = (
        select(func.max(event_counts.c.hour))
        .where(event_counts.c.workspace_id.in_(workspace_ids))
        .scalar_subquery()
    )
    found = (
        select(event_counts.c.activity)
        .where(event_counts.c.workspace_id.in_(workspace_ids), event_counts.c.hour > newest - WEEK)
        .group_by(event_counts.c.activity)
        .order_by(func.sum(event_counts.c.n).desc(), event_counts.c.activity)
        .limit(limit)
    )
    return list(session.scalars(found))


def holding(session: Session, workspace_ids: Sequence[UUID], activities: Sequence[str]) -> Shares:
    """Count the events of these activities in each workspace, from rollups alone."""
    found = (
        select(event_counts.c.workspace_id, func.sum(event_counts.c.n))
        .where(
            event_counts.c.workspace_id.in_(workspace_ids), event_counts.c.activity.in_(activities)
        )
        .group_by(event_counts.c.workspace_id)
    )
    return Counter({key: int(n) for key, n in session.execute(found)})
