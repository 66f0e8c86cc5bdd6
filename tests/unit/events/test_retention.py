"""Old events go, the rest stays, and every figure stays exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, func, select, text, update

from auditsaas.events.event_sources import CLI, PRODUCT, EventSource, of_key
from auditsaas.events.maintenance import partitions, retention
from auditsaas.events.maintenance.lasting import Lasting
from auditsaas.events.models import events, log_heads
from auditsaas.events.reading import feed
from auditsaas.events.schema import EventInput, from_mapping
from auditsaas.events.writing.append import append
from auditsaas.workspaces.models import Workspace
from tasks.maintenance import apply_retention
from tests.support.factories import (
    Sessions,
    append_events,
    as_owner,
    event_input,
    make_workspace,
    scoped,
)
from tests.support.log_state import counts_are_exact

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _unlimited_retention_elsewhere(engine: Engine) -> None:
    """Retention is of the whole database: a workspace of an earlier test would lose events too."""
    with Sessions.begin() as session:
        known = session.scalars(select(Workspace.id)).all()
    with as_owner(*known) as session:
        session.execute(update(Workspace).values(retention_days=None, legal_hold=False))
        session.commit()


def aged(*days: float) -> list[dict[str, Any]]:
    return [
        event_input(occurred_at=(NOW - timedelta(days=age)).isoformat(), method=method)
        for age in days
        for method in ("GET", "POST")
    ]


def keeping(days: int | None, **columns: Any) -> Workspace:
    workspace = make_workspace()
    with as_owner(workspace.id) as session:
        session.execute(update(Workspace).values(retention_days=days, **columns))
        session.commit()
    return workspace


def left(workspace: Workspace) -> int:
    with scoped(workspace.id) as session:
        return session.scalar(select(func.count()).select_from(events)) or 0


def test_expired_events_are_removed_and_counts_stay_exact(owner_engine: Engine) -> None:
    workspace = keeping(30)
    append_events(workspace, aged(1, 29, 31, 45, 400))
    [removed] = retention.apply(owner_engine, NOW)
    assert (removed.workspace_id, removed.events) == (workspace.id, 6)
    assert left(workspace) == 4
    assert counts_are_exact(workspace)


def test_sequence_never_goes_back_and_the_feed_skips_removed_events(
    owner_engine: Engine,
) -> None:
    workspace = keeping(30)
    append_events(workspace, aged(100, 50, 1))
    retention.apply(owner_engine, NOW)
    with scoped(workspace.id) as session:
        head = session.execute(select(log_heads.c.seq, log_heads.c.removed)).one()
        assert tuple(head) == (6, 4)
        following = feed.following(session, workspace.id, after=0, limit=10)
    assert [row.seq for row in following.rows] == [5, 6]
    assert append_events(workspace, aged(0)).first_seq == 7


def test_legal_hold_or_unlimited_retention_keeps_everything(owner_engine: Engine) -> None:
    held, for_ever = keeping(30, legal_hold=True), keeping(None)
    for workspace in (held, for_ever):
        append_events(workspace, aged(1, 400))
    assert retention.apply(owner_engine, NOW) == []
    assert left(held) == left(for_ever) == 4


def test_removal_runs_in_bounded_batches(
    owner_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    workspace = keeping(30)
    append_events(workspace, aged(*range(20, 50)))
    [removed] = retention.apply(owner_engine, NOW)
    assert removed.events == 38
    assert left(workspace) == 22
    assert counts_are_exact(workspace)


@pytest.fixture
def far_month(owner_engine: Engine) -> Iterator[tuple[str, datetime]]:
    """A month that no other test writes to, with a partition of its own."""
    start = datetime(1984, 3, 1, tzinfo=UTC)
    with owner_engine.begin() as connection:
        connection.exec_driver_sql(partitions.creation("events_1984_03", start))
    yield "events_1984_03", start
    with owner_engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS events_1984_03"))


def in_month(start: datetime, days: int) -> dict[str, Any]:
    return event_input(occurred_at=(start + timedelta(days=days)).isoformat())


def exists(engine: Engine, name: str) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}))


def test_fully_expired_partition_is_dropped(
    owner_engine: Engine, far_month: tuple[str, datetime]
) -> None:
    name, start = far_month
    workspaces = [keeping(30), keeping(90)]
    for workspace in workspaces:
        append_events(workspace, [in_month(start, day) for day in (1, 20)])
    removed = retention.apply(owner_engine, NOW)
    assert {part.workspace_id: part.events for part in removed} == {
        workspace.id: 2 for workspace in workspaces
    }
    assert not exists(owner_engine, name)
    for workspace in workspaces:
        assert left(workspace) == 0
        assert counts_are_exact(workspace)


def test_partition_kept_by_one_workspace_loses_only_expired_rows(
    owner_engine: Engine, far_month: tuple[str, datetime]
) -> None:
    name, start = far_month
    going, staying = keeping(30), keeping(30, legal_hold=True)
    for workspace in (going, staying):
        append_events(workspace, [in_month(start, day) for day in (1, 20)])
    retention.apply(owner_engine, NOW)
    assert exists(owner_engine, name)
    assert (left(going), left(staying)) == (0, 2)
    assert counts_are_exact(going)
    assert counts_are_exact(staying)


def test_partition_under_a_last_minute_hold_keeps_events_and_counts(
    owner_engine: Engine, far_month: tuple[str, datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, start = far_month
    workspace = keeping(30)
    append_events(workspace, [in_month(start, day) for day in (1, 20)])

    def held_meanwhile(connection: Connection, key: UUID, cut: retention.Cut) -> bool:
        with as_owner(workspace.id) as session:
            session.execute(update(Workspace).values(legal_hold=True))
            session.commit()
        return still(connection, key, cut)

    still = retention._still
    monkeypatch.setattr(retention, "_still", held_meanwhile)
    retention.apply(owner_engine, NOW)
    assert exists(owner_engine, name)
    assert left(workspace) == 2
    assert counts_are_exact(workspace)


def test_partition_being_read_is_not_dropped_until_the_reader_ends(
    owner_engine: Engine, far_month: tuple[str, datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOCK_TRIES", 1)
    name, start = far_month
    workspace = keeping(30)
    append_events(workspace, [in_month(start, 1)])
    with scoped(workspace.id) as reader:
        reader.execute(select(events.c.id)).all()
        retention.apply(owner_engine, NOW)
        assert exists(owner_engine, name)
    assert left(workspace) == 0
    assert counts_are_exact(workspace)


def test_nightly_retention_records_the_number_of_removed_events(app: Flask) -> None:
    workspace = keeping(30)
    append_events(workspace, aged(1, 60))
    with app.app_context():
        assert apply_retention() >= 2
    with scoped(workspace.id) as session:
        event = session.execute(select(events).where(events.c.activity == "retention.apply")).one()
    assert event.metadata["removed"] == 2
    assert (event.actor_id, event.actor_name) == ("system", "AuditSaaS")


LASTING = Lasting(frozenset({"member.remove"}), days=400)
FOR_AN_AGE = replace(LASTING, days=36_500)


def own(at: datetime, activity: str = "member.remove") -> EventInput:
    return from_mapping(event_input(activity=activity, occurred_at=at.isoformat()), NOW)


def append_as(workspace: Workspace, source: EventSource, *given: EventInput) -> None:
    with scoped(workspace.id) as session:
        append(session, workspace.id, list(given), source=source)
        session.commit()


def activities(workspace: Workspace) -> list[str]:
    with scoped(workspace.id) as session:
        return list(session.scalars(select(events.c.activity).order_by(events.c.seq)))


def test_own_events_of_lasting_kinds_stay_and_counts_stay_exact(owner_engine: Engine) -> None:
    workspace = keeping(30)
    append_events(workspace, aged(1, 60))
    append_as(workspace, PRODUCT, own(NOW - timedelta(days=60)))
    append_as(workspace, PRODUCT, own(NOW - timedelta(days=399)))
    [removed] = retention.apply(owner_engine, NOW, keep=LASTING)
    assert removed.events == 2
    assert activities(workspace) == ["invoice.update", "invoice.update"] + ["member.remove"] * 2
    assert counts_are_exact(workspace)
    assert retention.apply(owner_engine, NOW, keep=LASTING) == []


def test_own_events_leave_after_their_own_time(owner_engine: Engine) -> None:
    workspace = keeping(30)
    append_as(workspace, PRODUCT, own(NOW - timedelta(days=401)))
    retention.apply(owner_engine, NOW, keep=LASTING)
    assert activities(workspace) == []
    assert counts_are_exact(workspace)


@pytest.mark.parametrize("source", [CLI, of_key(UUID(int=7))])
def test_event_that_only_bears_a_lasting_name_leaves(
    owner_engine: Engine, source: EventSource
) -> None:
    workspace = keeping(30)
    append_as(workspace, source, own(NOW - timedelta(days=60)))
    retention.apply(owner_engine, NOW, keep=LASTING)
    assert activities(workspace) == []


def test_event_from_before_sources_stays_by_its_name(owner_engine: Engine) -> None:
    workspace = keeping(30)
    append_as(workspace, PRODUCT, own(NOW - timedelta(days=60)), own(NOW, "invoice.update"))
    forget_sources(owner_engine, workspace)
    retention.apply(owner_engine, NOW, keep=LASTING)
    assert activities(workspace) == ["member.remove", "invoice.update"]


def forget_sources(engine: Engine, workspace: Workspace) -> None:
    """Let the workspace's events be as those from before sources were recorded."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL auditsaas.workspaces = '{{{workspace.id}}}'")
        found = connection.scalar(FIND_CHECK)
        connection.exec_driver_sql("ALTER TABLE events DROP CONSTRAINT ck_events_source")
        connection.exec_driver_sql("UPDATE events SET source = NULL")
        valid = str(found).removesuffix(" NOT VALID")
        connection.exec_driver_sql(
            f"ALTER TABLE events ADD CONSTRAINT ck_events_source {valid} NOT VALID"
        )


def test_expired_partition_keeps_only_the_lasting_events(
    owner_engine: Engine, far_month: tuple[str, datetime]
) -> None:
    name, start = far_month
    going, other = keeping(30), keeping(90)
    for workspace in (going, other):
        append_events(workspace, [in_month(start, day) for day in (1, 20)])
    append_as(going, PRODUCT, *(own(start + timedelta(days=day)) for day in (2, 9)))
    before = oid_of(owner_engine, name)
    removed = retention.apply(owner_engine, NOW, keep=FOR_AN_AGE)
    assert {part.workspace_id: part.events for part in removed} == {going.id: 2, other.id: 2}
    assert oid_of(owner_engine, name) != before
    assert (activities(going), activities(other)) == (["member.remove"] * 2, [])
    for workspace in (going, other):
        assert counts_are_exact(workspace)
    again = oid_of(owner_engine, name)
    assert retention.apply(owner_engine, NOW, keep=FOR_AN_AGE) == []
    assert oid_of(owner_engine, name) == again


def test_month_made_anew_takes_late_events(
    owner_engine: Engine, far_month: tuple[str, datetime]
) -> None:
    name, start = far_month
    workspace = keeping(30)
    append_events(workspace, [in_month(start, 1)])
    append_as(workspace, PRODUCT, own(start + timedelta(days=2)))
    retention.apply(owner_engine, NOW, keep=FOR_AN_AGE)
    append_events(workspace, [in_month(start, 3)])
    assert activities(workspace) == ["member.remove", "invoice.update"]
    with owner_engine.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {name}")) == 2  # noqa: S608  # ours
    assert counts_are_exact(workspace)


def test_no_retention_goes_under_the_installations_floor(owner_engine: Engine) -> None:
    workspace = keeping(1)
    append_events(workspace, aged(5, 60))
    [removed] = retention.apply(owner_engine, NOW, least_days=30)
    assert removed.events == 2
    assert left(workspace) == 2


FIND_CHECK = text(
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conname = 'ck_events_source' AND conrelid = 'events'::regclass"
)


def oid_of(engine: Engine, name: str) -> int:
    with engine.connect() as connection:
        return int(
            connection.scalar(text("SELECT to_regclass(:name)::oid::bigint"), {"name": name})
        )


def test_retention_longer_than_time_is_kept_removes_nothing(owner_engine: Engine) -> None:
    workspace = keeping(36_500)
    append_events(workspace, aged(1, 400))
    assert retention.apply(owner_engine, NOW) == []
    assert left(workspace) == 4
