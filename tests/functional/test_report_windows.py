"""Each event is in exactly one report, however late it arrives and however long nothing ran."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from auditsaas.events.models import events
from auditsaas.schedules.timetable import Frequency, Timetable
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import append_events, event_input, make_member, make_workspace, scoped
from tests.support.scheduling import (
    end_all_schedules,
    ids_in,
    let_pass,
    make_schedule,
    runs_of,
    schedule_row,
)

HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 3, 5, 12, tzinfo=UTC)
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "UTC")

timetables = st.builds(
    Timetable,
    frequency=st.sampled_from([Frequency.DAILY, Frequency.WEEKLY]),
    weekday=st.integers(0, 6),
    at=st.sampled_from([time(0), time(2, 30), time(8), time(23, 59)]),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
steps = st.lists(
    st.tuples(
        st.integers(0, 60),  # hours that pass, without any ticker
        st.lists(st.integers(0, 200), max_size=4),  # how many hours late each event arrives
        st.sampled_from([0, 1, 2, None]),  # for how many reports a ticker comes by
    ),
    min_size=3,
    max_size=10,
)


@given(timetables, steps)
@settings(max_examples=cases(3), suppress_health_check=list(HealthCheck))
def test_every_event_is_in_exactly_one_report(
    app: Flask,
    owner_engine: Engine,
    timetable: Timetable,
    steps: list[tuple[int, list[int], int | None]],
) -> None:
    end_all_schedules(owner_engine)
    workspace = make_workspace()
    owner = make_member(workspace)
    schedule_id = make_schedule(workspace, owner, BEGIN, timetable=timetable)
    begin = schedule_row(workspace, schedule_id).covered_until
    now = BEGIN
    for hours, ages, rounds in steps:
        now += hours * HOUR
        append(workspace, [now - age * HOUR for age in ages])
        if rounds != 0:
            let_pass(app, now, rounds)
    end = now + 8 * 24 * HOUR
    let_pass(app, end)
    runs = runs_of(workspace, schedule_id)
    reported = Counter(event for run in runs for event in ids_in(workspace, run))
    assert set(reported.values()) <= {1}
    covered = runs[-1].ends_at
    due = [
        (event, occurred)
        for event, occurred in everything(workspace)
        if occurred < covered and (occurred >= begin or event in reported)
    ]
    assert set(reported) == {event for event, _ in due}
    told = [(run.findings or {})["events"] for run in runs]
    assert sum(told) == sum(reported.values())


def append(workspace: Workspace, moments: list[datetime]) -> None:
    if moments:
        append_events(workspace, [event_input(occurred_at=m.isoformat()) for m in moments])


def everything(workspace: Workspace) -> list[tuple[str, datetime]]:
    """Events and when they occurred; the schedule's own actions among them."""
    with scoped(workspace.id) as session:
        found = select(events.c.id, events.c.occurred_at).where(
            events.c.workspace_id == workspace.id
        )
        return [(str(row.id), row.occurred_at) for row in session.execute(found)]
