"""What is counted from blocks of columns equals a plain scan of the events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Row, delete, select, update

from auditsaas.events.columns import forgetting
from auditsaas.events.columns.models import BLOCK, column_heads, event_columns
from auditsaas.events.event_sources import of_key
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import actors, events
from auditsaas.events.reading.facets import facets
from auditsaas.events.reading.histogram import histogram
from auditsaas.events.reading.latency import latency
from auditsaas.events.reading.totals import count
from auditsaas.workspaces.models import Workspace
from tests.support import blocks
from tests.support.cases import cases
from tests.support.factories import append_events, as_owner, event_input, make_workspace, scoped

START = datetime(2026, 2, 20, tzinfo=UTC)
DAYS = 60
NOW = START + timedelta(days=DAYS)
ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]
BROWSERS = {
    "Chrome": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/156.0.0.0 Safari/537.36",
    "curl": "curl/8.17",
    "Safari": "Mozilla/5.0 (iPhone; CPU iPhone OS 27_0 like Mac OS X) Version/27.0 Safari/605.1",
    "none": None,
}
KEY = of_key(UUID(int=7))
NAMES = [name for name, known in FILTERS.items() if known.panel]
DURATIONS = [0, 0.1, 3, 3, 12.5, 84, 84.001, 1 / 3, 250, 999.9, 60_000, None]


@dataclass(frozen=True)
class Log:
    """A workspace, all its events as a plain scan reads them, and its people as known now."""

    workspace: Workspace
    rows: Sequence[Row[Any]] = field(repr=False)
    people: dict[str, Row[Any]] = field(repr=False)


def made(dice: random.Random) -> dict[str, Any]:
    quarter = START + timedelta(minutes=15 * dice.randrange(DAYS * 96))
    at = quarter + timedelta(microseconds=dice.choice([0, 1, 999, 30_000_000, 59_999_999]))
    number = dice.randrange(30)
    return event_input(
        occurred_at=at.isoformat(),
        activity=dice.choice(["invoice.create", "invoice.delete", "user.login", "user"]),
        status=dice.choice(["success", "success", "success", "error"]),
        method=dice.choice(["GET", "POST", "PURGE", None]),
        actor={
            "id": f"u_{number}",
            "name": f"Person {number}",
            "role": ["admin", "member", None][number % 3],
            "status": "disabled" if number % 7 == 0 else None,
        },
        user_agent=BROWSERS[dice.choice([*BROWSERS])],
        duration_ms=dice.choice([*DURATIONS, dice.uniform(0, 500)]),
    )


@pytest.fixture(scope="module")
def log(engine: Engine) -> Log:
    """A full block of 8,192 events in no order of time, one that is not, and some in none."""
    dice = random.Random(7)
    workspace = make_workspace()
    for batch in range(10):
        size, source = (900, KEY) if batch % 3 else (950, None)
        given = [made(dice) for _ in range(size)]
        append_events(workspace, given, *([source] if source else []))
        if batch == 8:
            blocks.build(workspace)
    with scoped(workspace.id) as session:
        rows = session.execute(select(events)).all()
        people = {row.id: row for row in session.execute(select(actors))}
    return Log(workspace, rows, people)


moments = st.one_of(
    st.none(),
    st.integers(0, DAYS).map(lambda n: START + timedelta(days=n)),
    st.integers(0, DAYS * 96).map(lambda n: START + timedelta(minutes=15 * n)),
    st.integers(0, DAYS * 86_400_000).map(lambda n: START + timedelta(milliseconds=n)),
    st.tuples(st.integers(0, DAYS * 96), st.integers(-2, 2)).map(
        lambda pair: START + timedelta(minutes=15 * pair[0], microseconds=pair[1])
    ),
)
periods = st.tuples(moments, moments).filter(lambda p: p[0] is None or p[1] is None or p[0] < p[1])
bounds = st.one_of(st.none(), st.sampled_from([0.0, 0.05, 3.0, 84.0, 84.001, 250.0, 1e6]))


def some(*choices: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([(), (), (), *choices])


filters = st.builds(
    EventFilter,
    status=some(("error",), ("error", "success")),
    activity=some(("invoice.*",), ("user", "user.login"), ("none.such",)),
    method=some(("GET",), ("PURGE", "POST")),
    user=some(("u_3",), ("u_3", "Person 4", "nobody")),
    role=some(("member",), ("admin", "member")),
    user_status=some(("disabled",), ("active",)),
    platform=some(("iOS",), ("Windows", "Other")),
    browser=some(("Safari 27",)),
    source=some(("api:*",), (KEY,), ("cli", "none")),
    min_ms=bounds,
    max_ms=bounds,
    period=periods.map(lambda pair: TimeRange(*pair)),
)


def value(log: Log, name: str, row: Row[Any]) -> Any:
    if name in ("user", "role", "user_status"):
        known = log.people[row.actor_id]
        status = "disabled" if known.status == "disabled" else "active"
        return {"user": known.id, "role": known.role, "user_status": status}[name]
    if name == "source":
        return "api:*" if row.source == KEY else row.source
    return row.workspace_id if name == "workspace" else row._mapping[name]


def is_one(log: Log, name: str, wanted: tuple[str, ...], row: Row[Any]) -> bool:
    if name == "source":
        return row.source in wanted or (row.source == KEY and "api:*" in wanted)
    if name == "user":
        return bool({row.actor_id, log.people[row.actor_id].name} & set(wanted))
    found = value(log, name, row)
    return any(found.startswith(one[:-1]) if one.endswith("*") else found == one for one in wanted)


def scanned(log: Log, wanted: EventFilter) -> list[Row[Any]]:
    """Go through all events, one by one."""
    start, end = wanted.period.start or START, wanted.period.end or NOW
    asked = {name: chosen for name in NAMES if (chosen := getattr(wanted, name))}
    low, high = wanted.min_ms, wanted.max_ms
    return [
        row
        for row in log.rows
        if start <= row.occurred_at < end
        and all(is_one(log, name, chosen, row) for name, chosen in asked.items())
        and (low is None or (row.duration_ms is not None and row.duration_ms >= low))
        and (high is None or (row.duration_ms is not None and row.duration_ms <= high))
    ]


def errors_of(rows: Sequence[Row[Any]]) -> int:
    return sum(row.status == "error" for row in rows)


def percentile(ascending: Sequence[float], share: float) -> float:
    place = share * (len(ascending) - 1)
    low, high = ascending[floor(place)], ascending[-floor(-place)]
    return low + (place - floor(place)) * (high - low)


@settings(max_examples=cases(15))
@given(wanted=filters)
def test_count_and_facets_are_those_of_a_plain_scan(log: Log, wanted: EventFilter) -> None:
    workspace, found = log.workspace, scanned(log, wanted)
    with scoped(workspace.id) as session:
        total = count(session, [workspace.id], wanted)
        assert (total.total, total.errors, total.exact) == (len(found), errors_of(found), True)
        ids = {workspace.slug: workspace.id}
        for name, facet in facets(session, ids, wanted, NAMES).items():
            rows = scanned(log, wanted.without(name)) if getattr(wanted, name) else found
            values = Counter(value(log, name, row) for row in rows)
            assert facet.counts == {key: n for key, n in values.items() if key}, name
            assert facet.exact


@settings(max_examples=cases(15))
@given(wanted=filters, zone=st.sampled_from(ZONES))
def test_bars_are_those_of_a_plain_scan_in_any_zone(
    log: Log, wanted: EventFilter, zone: str
) -> None:
    found = scanned(log, wanted)
    with scoped(log.workspace.id) as session:
        drawn = histogram(session, [log.workspace.id], wanted, ZoneInfo(zone), NOW)
    inside = [
        [row for row in found if bar.start <= row.occurred_at < bar.end] for bar in drawn.bars
    ]
    assert sum(map(len, inside)) == len(found)
    assert [(bar.success + bar.error, bar.error) for bar in drawn.bars] == [
        (len(rows), errors_of(rows)) for rows in inside
    ]
    assert drawn.counted_from is None


@settings(max_examples=cases(15))
@given(wanted=filters)
def test_response_times_are_those_of_a_plain_scan(log: Log, wanted: EventFilter) -> None:
    known = sorted(row.duration_ms for row in scanned(log, wanted) if row.duration_ms is not None)
    with scoped(log.workspace.id) as session:
        found = latency(session, [log.workspace.id], wanted)
    if not known or found is None:
        assert (known, found) == ([], None)
        return
    assert (found.p50, found.p95) == pytest.approx(
        (percentile(known, 0.5), percentile(known, 0.95))
    )
    assert (found.max, found.over, found.cut) == (known[-1], len(known), False)


IOS = EventFilter(platform=("iOS",))


def test_blocks_are_what_is_counted(log: Log) -> None:
    """The control: without this, all of the above could be a scan."""
    with as_owner(log.workspace.id) as session:
        before = count(session, [log.workspace.id], IOS).total
        platforms = event_columns.c.field == "platform"
        session.execute(update(event_columns).where(platforms).values(words=["iOS"], slices=b""))
        assert count(session, [log.workspace.id], IOS).total > 2 * before
        session.rollback()


def test_only_blocks_of_changed_events_are_forgotten(log: Log) -> None:
    with as_owner(log.workspace.id) as session:
        forgetting.lock(session, [log.workspace.id])
        forgetting.forget(session, log.workspace.id, forgetting.blocks_of([5, BLOCK]))
        assert set(session.scalars(select(event_columns.c.block))) == {1}
        assert session.scalar(select(column_heads.c.built_to)) == 0
        session.rollback()


def test_block_that_is_missing_is_read_from_the_log(log: Log) -> None:
    with as_owner(log.workspace.id) as session:
        before = count(session, [log.workspace.id], IOS)
        session.execute(delete(event_columns).where(event_columns.c.block == 0))
        assert count(session, [log.workspace.id], IOS) == replace(before, exact=True)
        session.rollback()
