"""Daily and hourly rollups give the same counts as counting the events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.maintenance import daily_counts
from auditsaas.events.reading.facets import facets
from auditsaas.events.reading.histogram import histogram
from auditsaas.events.reading.totals import count
from auditsaas.operations import upgrade
from auditsaas.workspaces.models import Workspace
from tasks.maintenance import count_days
from tests.support.cases import cases
from tests.support.factories import append_events, as_owner, event_input, make_workspace, scoped
from tests.support.log_state import counts_are_exact

START = datetime(2026, 2, 20, tzinfo=UTC)
DAYS = 120
NOW = START + timedelta(days=DAYS)
# Clocks change within these days by an hour, by an hour on another day, by half an hour, never.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
ACTIVITIES = ["invoice.create", "invoice.delete", "user.login"]
METHODS = ["GET", "POST", None]


@dataclass(frozen=True)
class Event:
    at: datetime
    activity: str
    method: str | None
    status: str


@pytest.fixture(scope="module")
def acme(engine: Engine) -> tuple[Workspace, list[Event]]:
    """A thousand events, each at or about a round quarter of an hour."""
    dice = random.Random(12)
    made = []
    for _ in range(1000):
        quarter = START + timedelta(minutes=15 * dice.randrange(DAYS * 96))
        at = quarter + timedelta(microseconds=dice.choice([0, 0, 1000, 59_999_000]))
        status = dice.choice(["success", "success", "error"])
        made.append(Event(at, dice.choice(ACTIVITIES), dice.choice(METHODS), status))
    workspace = make_workspace()
    append_events(
        workspace,
        [
            event_input(
                occurred_at=e.at.isoformat(), activity=e.activity, method=e.method, status=e.status
            )
            for e in made
        ],
    )
    return workspace, made


quarters = st.integers(-100, DAYS * 96 + 100)
moments = st.one_of(
    st.none(),
    st.integers(0, DAYS).map(lambda n: START + timedelta(days=n)),
    quarters.map(lambda n: START + timedelta(minutes=15 * n)),
    st.tuples(st.integers(0, DAYS), st.sampled_from(ZONES)).map(
        lambda pair: (
            (START + timedelta(days=pair[0])).replace(tzinfo=ZoneInfo(pair[1])).astimezone(UTC)
        )
    ),
)


def in_order(pair: tuple[datetime | None, datetime | None]) -> bool:
    start, end = pair
    return start is None or end is None or start < end


periods = st.tuples(moments, moments).filter(in_order)
filters = st.builds(
    EventFilter,
    status=st.sampled_from([(), (), ("error",), ("error", "success")]),
    activity=st.sampled_from([(), (), ("invoice.*",), ("user.login", "invoice.create")]),
    method=st.sampled_from([(), (), ("GET",), ("GET", "POST")]),
    period=periods.map(lambda pair: TimeRange(*pair)),
)


def matching(events: list[Event], wanted: EventFilter) -> list[Event]:
    start, end = wanted.period.start or START, wanted.period.end or NOW
    names = [name for name in ACTIVITIES if not wanted.activity or named(name, wanted.activity)]
    return [
        event
        for event in events
        if start <= event.at < end
        and event.activity in names
        and (not wanted.status or event.status in wanted.status)
        and (not wanted.method or event.method in wanted.method)
    ]


def named(activity: str, wanted: tuple[str, ...]) -> bool:
    return any(
        activity.startswith(name[:-1]) if name.endswith("*") else activity == name
        for name in wanted
    )


@pytest.mark.slow
@settings(max_examples=cases(20))
@given(wanted=filters, zone=st.sampled_from(ZONES))
def test_count_facets_and_bars_are_those_of_the_events_in_any_zone_and_period(
    acme: tuple[Workspace, list[Event]], wanted: EventFilter, zone: str
) -> None:
    workspace, events = acme
    ids = {workspace.slug: workspace.id}
    found = matching(events, wanted)
    with scoped(workspace.id) as session:
        total = count(session, [workspace.id], wanted)
        assert (total.total, total.errors, total.exact) == (len(found), errors_of(found), True)
        for name, facet in facets(session, ids, wanted, ["status", "activity", "method"]).items():
            values = Counter(
                getattr(event, name) for event in matching(events, wanted.without(name))
            )
            assert facet.counts == {key: n for key, n in values.items() if key}, name
        bars = histogram(session, [workspace.id], wanted, ZoneInfo(zone), NOW).bars
    inside = [[event for event in found if bar.start <= event.at < bar.end] for bar in bars]
    assert sum(map(len, inside)) == len(found)
    assert [(bar.success + bar.error, bar.error) for bar in bars] == [
        (len(some), errors_of(some)) for some in inside
    ]


def errors_of(events: list[Event]) -> int:
    return sum(event.status == "error" for event in events)


@pytest.fixture
def spoiled(acme: tuple[Workspace, list[Event]]) -> Iterator[tuple[Session, Workspace]]:
    """A transaction, undone afterwards, in which every daily count is one too high."""
    workspace, _ = acme
    with as_owner(workspace.id) as session:
        session.execute(text("UPDATE event_days SET n = n + 1"))
        yield session, workspace
        session.rollback()


QUESTIONS: dict[str, Any] = {
    "count": lambda session, one: count(session, [one.id], EventFilter()).total,
    "facets": lambda session, one: sum(
        facets(session, {one.slug: one.id}, EventFilter(), ["status"])["status"].counts.values()
    ),
    "histogram": lambda session, one: sum(
        bar.success + bar.error
        for bar in histogram(session, [one.id], EventFilter(), ZoneInfo("UTC"), NOW).bars
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_long_period_is_counted_from_daily_counts(
    spoiled: tuple[Session, Workspace], question: str
) -> None:
    assert QUESTIONS[question](*spoiled) > 1000


@pytest.mark.parametrize("question", QUESTIONS)
def test_incomplete_daily_counts_are_not_used(
    spoiled: tuple[Session, Workspace], question: str
) -> None:
    """A process of the version before adds to the hourly counts alone."""
    spoiled[0].execute(text("UPDATE log_heads SET days_counted = days_counted - 1"))
    assert QUESTIONS[question](*spoiled) == 1000


@pytest.mark.parametrize("way", ["an upgrade", "the worker"])
def test_daily_counts_are_rebuilt_after_appends_that_skipped_them(app: Flask, way: str) -> None:
    workspace = make_workspace()
    append_events(workspace, [event_input() for _ in range(3)])
    with as_owner(workspace.id) as session:
        session.execute(text("UPDATE event_days SET n = 2"))
        session.execute(text("UPDATE log_heads SET days_counted = 2"))
        session.commit()
        append_events(workspace, [event_input()])
        assert not daily_counts.complete(session, [workspace.id])
    with app.app_context():
        if way == "an upgrade":
            upgrade.upgrade(app.extensions["settings"])
        else:
            assert count_days() == 1
        assert counts_are_exact(workspace)
        assert count_days() == 0
