"""Counts of all workspaces together are those of the events, whatever happens to the logs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event, select, text, update

from auditsaas.db.platform import Look, platform_session
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.maintenance import platform_counts, retention
from auditsaas.events.models import platform_days, platform_heads, platform_totals
from auditsaas.events.reading import across
from auditsaas.events.reading.scans import source as sources
from auditsaas.events.reading.totals import count
from auditsaas.operations.verification import together
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_workspace,
)
from tests.support.left_over import settle_all_counts
from tests.support.together import NOW, is_exact, workspaces


@pytest.fixture(autouse=True)
def _as_many_workspaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MANY", 0)


@pytest.fixture(autouse=True, scope="module")
def _settled(app: Flask, owner_engine: Engine) -> None:
    """What other files did to their logs behind the product is over."""
    settle_all_counts(owner_engine)


@pytest.fixture
def counted(app: Flask, owner_engine: Engine) -> Iterator[Engine]:
    """The owner's engine, once all logs there are have been counted together."""
    with as_owner(*workspaces()) as session:
        session.execute(update(Workspace).values(asks_first=False, retention_days=None))
        session.commit()
    with app.app_context():
        assert platform_counts.count_in(owner_engine, NOW) is not None
        yield owner_engine


def some_event(dice: random.Random, days_ago: float) -> dict[str, Any]:
    return event_input(
        occurred_at=(NOW - timedelta(days=days_ago)).isoformat(),
        activity=dice.choice(["user.login", "user.logout", "invoice.pay"]),
        method=dice.choice(["GET", "POST", "PURGE", None]),
        status=dice.choice(["success", "error"]),
    )


def append_aged(workspace: Workspace, *days_ago: float, seed: int = 1) -> None:
    dice = random.Random(seed)
    append_events(workspace, [some_event(dice, age) for age in days_ago])


def is_used(closed: frozenset[UUID] = frozenset()) -> bool:
    """Tell whether the counts together answer, and not the daily counts of each log."""
    ids = [key for key in workspaces() if key not in closed]
    with platform_session(Look(every=True, closed=closed)) as session:
        return across.total(session, ids, EventFilter()) is not None


def rows_together(engine: Engine) -> list[Any]:
    ids = ",".join(map(str, workspaces()))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL auditsaas.workspaces = '{{{ids}}}'")
        return [
            sorted(map(tuple, connection.execute(select(table))))
            for table in (platform_days, platform_totals, platform_heads)
        ]


@pytest.mark.usefixtures("counted")
def test_events_of_any_day_are_counted_at_once(counted: Engine) -> None:
    workspace = make_workspace()
    append_aged(workspace, 0, 0, 1, 3, 40)
    assert is_used()
    assert is_exact()
    assert platform_counts.count_in(counted, NOW)
    append_aged(workspace, 0, 1, 3, 40, 41, 400)  # late ones, into days that are counted
    assert is_used()
    assert is_exact()


def test_next_day_moves_the_mark_and_counts_nothing_twice(counted: Engine) -> None:
    append_aged(make_workspace(), 0, 0.5, 1, 1.5, 2, 2.5)
    for days in (1, 2, 5):
        assert platform_counts.count_in(counted, NOW + timedelta(days=days))
        assert is_used()
        assert is_exact()
    kept = rows_together(counted)
    assert platform_counts.count_in(counted, NOW)  # a clock that went back
    assert rows_together(counted) == kept


def test_removed_events_are_not_counted_before_or_after_all_is_counted_anew(
    counted: Engine,
) -> None:
    workspace = make_workspace()
    append_aged(workspace, 1, 29, 31, 45, 400)
    assert platform_counts.count_in(counted, NOW)
    with as_owner(workspace.id) as session:
        session.execute(update(Workspace).values(retention_days=30))
        session.commit()
    [removed] = retention.apply(counted, NOW)
    assert removed.events == 3
    assert not is_used()
    assert is_exact()
    assert platform_counts.count_in(counted, NOW)
    assert is_used()
    assert is_exact()


def test_workspace_that_asks_first_is_counted_only_where_it_agreed(counted: Engine) -> None:
    workspace = make_workspace()
    append_aged(workspace, 0, 3, 5)
    assert platform_counts.count_in(counted, NOW)
    with as_owner(workspace.id) as session:
        session.execute(update(Workspace).values(asks_first=True))
        session.commit()
    closed = frozenset({workspace.id})
    assert not is_used(closed)
    assert is_exact()
    assert platform_counts.count_in(counted, NOW)
    assert is_used(closed)
    assert is_exact()
    assert is_exact(approved=closed)


def test_suspended_workspace_is_counted_like_the_others(counted: Engine) -> None:
    workspace = make_workspace()
    append_aged(workspace, 0, 3)
    with as_owner(workspace.id) as session:
        session.execute(text("UPDATE workspaces SET suspended_at = now()"))
        session.commit()
    assert platform_counts.count_in(counted, NOW)
    assert is_exact()


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE log_heads SET days_counted = days_counted - 1",
        "UPDATE log_heads SET seq = seq - 3, days_counted = days_counted - 3",
        "DELETE FROM platform_heads",
    ],
)
def test_counts_that_do_not_fit_the_heads_are_not_used(counted: Engine, spoilt: str) -> None:
    workspace = make_workspace()
    append_aged(workspace, 0, 3, 5)
    assert platform_counts.count_in(counted, NOW)
    assert is_used()
    with as_owner(workspace.id) as session:
        session.execute(text(spoilt))
        session.commit()
    assert not is_used()
    with as_owner(workspace.id) as session:
        session.execute(text("UPDATE log_heads SET seq = 3, days_counted = 3"))
        session.commit()
    assert platform_counts.count_in(counted, NOW)
    assert is_exact()


def test_second_process_counts_nothing_while_one_is_at_it(counted: Engine) -> None:
    append_aged(make_workspace(), 3)
    kept = rows_together(counted)
    with counted.begin() as connection:
        connection.execute(text("LOCK TABLE platform_marks IN SHARE ROW EXCLUSIVE MODE"))
        assert platform_counts.count_in(counted, NOW) is None
    assert rows_together(counted) == kept


def test_verify_finds_a_day_that_is_counted_wrongly(counted: Engine) -> None:
    append_aged(make_workspace(), 0, 3, 5)
    assert platform_counts.count_in(counted, NOW)
    append_aged(make_workspace(), 0, 3)  # not counted yet, which is no damage
    assert together.verify(counted).damages == ()
    with counted.begin() as owner:
        owner.execute(text("UPDATE platform_days SET n = n + 1 WHERE activity <> 'user.logout'"))
    damages = together.verify(counted).damages
    assert damages
    assert all("are counted, and" in each.words or "more" in each.words for each in damages)
    with as_owner(*workspaces()) as session:
        session.execute(text("DELETE FROM platform_heads"))
        session.commit()
    assert together.verify(counted).words == "are not used before all is counted anew"
    assert platform_counts.count_in(counted, NOW)
    assert together.verify(counted).damages == ()


class Killed(Exception):
    """Ends a run in the middle."""


@pytest.mark.parametrize(
    "at", ["INTO platform_totals", "INTO platform_days", "INTO platform_marks"]
)
def test_run_that_is_killed_leaves_everything_as_it_was(counted: Engine, at: str) -> None:
    append_aged(make_workspace(), 3, 4)
    kept = rows_together(counted)

    def kill(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if at in statement:
            raise Killed

    event.listen(counted, "before_cursor_execute", kill)
    try:
        with pytest.raises(Killed):
            platform_counts.count_in(counted, NOW)
    finally:
        event.remove(counted, "before_cursor_execute", kill)
    assert rows_together(counted) == kept
    assert is_exact()
    assert platform_counts.count_in(counted, NOW)
    assert is_exact()


def test_answers_add_up_while_events_arrive_and_are_counted(app: Flask, counted: Engine) -> None:
    workspace = make_workspace()

    def send() -> None:
        for turn in range(15):
            append_aged(workspace, 0, 1, 3, 30, seed=turn)

    def read() -> None:
        with app.app_context():
            for _ in range(15):
                platform_counts.count_in(counted, NOW)
                with platform_session(Look(every=True)) as session:
                    rows = across.total(session, workspaces(), EventFilter())
                assert rows is not None
                apart = sum(row.n for row in rows if row.workspace_id is not None)
                assert apart == next(row.n for row in rows if row.workspace_id is None)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(send), pool.submit(read)]:
            done.result()
    assert is_exact()


def test_random_events_removals_and_runs_leave_the_counts_exact(counted: Engine) -> None:
    dice = random.Random(7)
    some = [make_workspace() for _ in range(3)]
    steps: list[Callable[[], object]] = [
        lambda: append_aged(dice.choice(some), dice.uniform(0, 2), seed=dice.randrange(99)),
        lambda: append_aged(dice.choice(some), dice.uniform(2, 90), seed=dice.randrange(99)),
        lambda: platform_counts.count_in(counted, NOW),
        lambda: retention.apply(counted, NOW),
        lambda: some.append(make_workspace()),
    ]
    with as_owner(some[0].id) as session:
        session.execute(update(Workspace).values(retention_days=30))
        session.commit()
    for _ in range(10):
        dice.choice(steps)()
        assert is_exact()


def test_period_and_named_workspaces_are_counted_from_their_own_logs(counted: Engine) -> None:
    one, other = make_workspace(), make_workspace()
    append_aged(one, 0, 3)
    append_aged(other, 0, 3)
    assert platform_counts.count_in(counted, NOW)
    lately = EventFilter().with_period(TimeRange(NOW - timedelta(days=2), None))
    with platform_session(Look(every=True)) as session:
        assert across.total(session, workspaces(), lately) is None
        assert across.total(session, [one.id], EventFilter()) is None
        assert count(session, [one.id], EventFilter()).total == 2
        assert count(session, [one.id, other.id], lately).total == 2
    with platform_session(Look.at(one.id)) as session:
        assert across.total(session, [one.id], EventFilter()) is None
