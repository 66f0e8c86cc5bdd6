"""Several tickers at once, as after a deployment that forgot to stop the old one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.schedules import runs
from auditsaas.schedules.models import Schedule
from auditsaas.workspaces.models import Workspace
from tasks.schedules import tick
from tests.support.factories import Sessions, make_member
from tests.support.scheduling import let_pass, make_schedule, runs_of

pytestmark = pytest.mark.usefixtures("no_other_schedules")

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
TICKERS = 3


def at_once(work: Callable[[], object]) -> list[BaseException | None]:
    """Run it in three threads that begin together; what each raised."""
    together = threading.Barrier(TICKERS)

    def begin() -> None:
        together.wait()
        work()

    with ThreadPoolExecutor(TICKERS) as pool:
        return [job.exception() for job in [pool.submit(begin) for _ in range(TICKERS)]]


def test_three_concurrent_tickers_start_each_report_once(app: Flask, workspace: Workspace) -> None:
    owner = make_member(workspace)
    made = [make_schedule(workspace, owner, START, name=f"Digest {n}") for n in range(6)]

    def work() -> None:
        with app.app_context():
            tick(START + DAY)

    assert at_once(work) == [None] * TICKERS
    assert [len(runs_of(workspace, schedule_id)) for schedule_id in made] == [1] * 6
    let_pass(app, START + 3 * DAY)
    assert [len(runs_of(workspace, schedule_id)) for schedule_id in made] == [3] * 6


def start_without_the_lock(workspace: Workspace, owner_id: object, schedule_id: object) -> None:
    """Start a report as a ticker does that read the schedule before another one moved it on."""
    with Sessions() as session:
        tenancy.bind(Scope.of(workspace.id), session)
        schedule = session.get_one(Schedule, (workspace.id, schedule_id))
        session.refresh(schedule)
        everyone_has_read.wait()
        runs.start(session, schedule, START + DAY)
        session.commit()


everyone_has_read = threading.Barrier(TICKERS)


def test_unique_key_of_schedule_and_due_time_lets_one_stale_ticker_through(
    app: Flask, workspace: Workspace
) -> None:
    owner = make_member(workspace)
    schedule_id = make_schedule(workspace, owner, START)
    at_once(lambda: start_without_the_lock(workspace, owner.id, schedule_id))
    assert len(runs_of(workspace, schedule_id)) == 1


def test_stale_tickers_start_a_report_repeatedly_without_the_unique_key(
    app: Flask, workspace: Workspace, owner_engine: Engine
) -> None:
    owner = make_member(workspace)
    schedule_id = make_schedule(workspace, owner, START)
    key = "uq_schedule_runs_due"
    with owner_engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE schedule_runs DROP CONSTRAINT {key}"))
    try:
        at_once(lambda: start_without_the_lock(workspace, owner.id, schedule_id))
        assert len(runs_of(workspace, schedule_id)) > 1
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text("ALTER TABLE schedule_runs NO FORCE ROW LEVEL SECURITY"))
            connection.execute(
                text("DELETE FROM schedule_runs WHERE schedule_id = :id"), {"id": schedule_id}
            )
            connection.execute(text("ALTER TABLE schedule_runs FORCE ROW LEVEL SECURITY"))
            connection.execute(
                text(
                    f"ALTER TABLE schedule_runs ADD CONSTRAINT {key}"
                    " UNIQUE (workspace_id, schedule_id, due_at)"
                )
            )
