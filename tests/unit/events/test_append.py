from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DataError

from auditsaas.db.ids import time_of
from auditsaas.events.event_sources import CLI
from auditsaas.events.models import actor_emails, actors, event_counts, events, log_heads
from auditsaas.events.schema import ActorInput, EventInput, from_mapping
from auditsaas.events.writing.append import MAX_BATCH, append
from auditsaas.events.writing.storing import UnknownWorkspace
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.log_state import counts_are_exact
from tests.support.workers import eventually

MONDAY = "2026-11-16T10:00:00Z"


@pytest.fixture
def acme(engine: Engine) -> Workspace:
    return make_workspace()


def keyed(number: int, **overrides: object) -> dict[str, object]:
    return event_input(idempotency_key=f"k{number}", occurred_at=MONDAY, **overrides)


def stored(workspace: Workspace) -> list[tuple[UUID, int]]:
    with scoped(workspace.id) as session:
        rows = session.execute(select(events.c.id, events.c.seq).order_by(events.c.seq)).all()
        return [(row.id, row.seq) for row in rows]


def test_batch_is_numbered_from_one_without_gaps_in_the_given_order(acme: Workspace) -> None:
    appended = append_events(acme, [event_input(path=f"/{n}") for n in range(5)])
    assert (appended.first_seq, appended.last_seq, appended.accepted) == (1, 5, 5)
    assert stored(acme) == list(zip(appended.ids, range(1, 6), strict=True))


def test_same_idempotency_key_and_time_store_one_event(acme: Workspace) -> None:
    first = append_events(acme, [keyed(1), keyed(2)])
    again = append_events(acme, [keyed(2), keyed(3)])
    assert again.new == (False, True)
    assert again.ids[0] == first.ids[1]
    assert [seq for _, seq in stored(acme)] == [1, 2, 3]


def test_repeated_key_within_a_batch_is_stored_once(acme: Workspace) -> None:
    appended = append_events(acme, [keyed(1), keyed(1)])
    assert appended.new == (True, False)
    assert appended.ids[0] == appended.ids[1]


def test_the_same_key_in_another_workspace_is_another_event(acme: Workspace) -> None:
    other = append_events(make_workspace(), [keyed(1)])
    assert append_events(acme, [keyed(1)]).ids != other.ids


def test_events_of_one_instant_keep_their_order(acme: Workspace) -> None:
    appended = append_events(acme, [event_input(occurred_at=MONDAY) for _ in range(50)])
    assert list(appended.ids) == sorted(appended.ids)


@pytest.mark.parametrize("microsecond", [0, 1, 500_500, 999_999])
def test_events_without_a_time_keep_their_order_wherever_in_a_millisecond_they_arrive(
    acme: Workspace, microsecond: int
) -> None:
    arrived = datetime.now(UTC).replace(microsecond=microsecond)
    batch = [from_mapping(event_input(), arrived) for _ in range(MAX_BATCH)]
    with scoped(acme.id) as session:
        appended = append(session, acme.id, batch, source=CLI, arrived_at=arrived)
    assert list(appended.ids) == sorted(appended.ids)


def test_the_id_is_the_time_of_the_event(acme: Workspace) -> None:
    occurred_at = "2026-11-16T10:00:00.123456Z"
    appended = append_events(acme, [event_input(occurred_at=occurred_at)])
    assert time_of(appended.ids[0]) == datetime(2026, 11, 16, 10, 0, 0, 123000, tzinfo=UTC)
    assert appended.ids[0].version == 7
    with scoped(acme.id) as session:
        assert session.scalar(select(events.c.occurred_at)) == datetime.fromisoformat(occurred_at)


def test_a_rollback_leaves_no_gap(acme: Workspace) -> None:
    with scoped(acme.id) as session:
        append(session, acme.id, [from_mapping(event_input(), datetime.now(UTC))], source=CLI)
        session.rollback()
    assert append_events(acme, [event_input()]).first_seq == 1


def test_append_outside_the_scope_is_refused(acme: Workspace) -> None:
    event = from_mapping(event_input(), datetime.now(UTC))
    with scoped(make_workspace().id) as session, pytest.raises(UnknownWorkspace):
        append(session, acme.id, [event], source=CLI)


def test_a_batch_over_the_limit_is_refused_whole(acme: Workspace) -> None:
    event = from_mapping(event_input(), datetime.now(UTC))
    with scoped(acme.id) as session, pytest.raises(ValueError, match="at most 1000"):
        append(session, acme.id, [event] * (MAX_BATCH + 1), source=CLI)


def test_actor_details_come_from_the_newest_event_not_the_last_received(acme: Workspace) -> None:
    def named(name: str, days: int) -> dict[str, object]:
        moment = datetime(2026, 11, 16, tzinfo=UTC) + timedelta(days=days)
        actor = {"id": "u_9", "name": name, "email": f"{name}@Example.com"}
        return event_input(actor=actor, occurred_at=moment.isoformat())

    append_events(acme, [named("new", 2)])
    append_events(acme, [named("old", 1)])
    with scoped(acme.id) as session:
        assert session.scalar(select(actors.c.name).where(actors.c.id == "u_9")) == "new"
        known = session.scalars(select(actor_emails.c.email).order_by(actor_emails.c.email))
        assert list(known) == ["new@example.com", "old@example.com"]


def test_event_without_actor_details_keeps_the_known_ones(acme: Workspace) -> None:
    append_events(acme, [event_input()])
    append_events(acme, [event_input(actor={"id": "u_1"})])
    with scoped(acme.id) as session:
        assert session.execute(select(actors.c.name, actors.c.role)).one() == ("Ann Lee", "admin")


def test_two_hundred_concurrent_appends_leave_no_gap_no_duplicate_and_exact_counts(
    acme: Workspace,
) -> None:
    """Batches of 20 that overlap by half, from eight connections, every key sent twice or more."""
    batches = [
        [keyed(n % 1010, status="error" if n % 7 == 0 else "success") for n in range(b, b + 20)]
        for b in range(0, 2000, 10)
    ]
    with ThreadPoolExecutor(8) as pool:
        appended = list(pool.map(lambda batch: append_events(acme, batch), batches))
    assert len(batches) == 200
    assert sum(batch.accepted for batch in appended) == 1010
    assert [seq for _, seq in stored(acme)] == list(range(1, 1011))
    assert counts_are_exact(acme)
    with scoped(acme.id) as session:
        assert session.scalar(select(log_heads.c.seq)) == 1010


def test_counts_add_up_over_appends_hours_and_days(acme: Workspace) -> None:
    for hour in ("16T09", "16T09", "16T10", "16T23", "17T00"):
        at = f"2026-11-{hour}:59:59.999999Z"
        append_events(
            acme, [event_input(occurred_at=at), event_input(occurred_at=at, method="PUT")]
        )
    assert counts_are_exact(acme)


def test_received_times_follow_the_sequence(acme: Workspace) -> None:
    for _ in range(5):
        append_events(acme, [event_input()])
    with scoped(acme.id) as session:
        times = list(session.scalars(select(events.c.received_at).order_by(events.c.seq)))
        assert times == sorted(times)
        assert session.scalar(text("SELECT last_received_at FROM log_heads")) == times[-1]


def test_batch_with_known_events_adds_and_counts_only_the_new_ones(
    acme: Workspace,
) -> None:
    append_events(acme, [keyed(2)])
    again = append_events(acme, [keyed(1), keyed(2), keyed(3)])
    assert again.new == (True, False, True)
    assert (again.first_seq, again.last_seq) == (2, 3)
    assert [seq for _, seq in stored(acme)] == [1, 2, 3]
    assert counts_are_exact(acme)


def test_batch_alone_in_its_transaction_is_retried_in_a_new_one(acme: Workspace) -> None:
    append_events(acme, [keyed(2)])
    events_given = [from_mapping(keyed(number), datetime.now(UTC)) for number in (1, 2, 3)]
    with scoped(acme.id) as session:
        again = append(session, acme.id, events_given, source=CLI, alone=True)
        session.commit()
    assert again.new == (True, False, True)
    assert [seq for _, seq in stored(acme)] == [1, 2, 3]
    assert counts_are_exact(acme)


def test_earlier_work_of_the_transaction_survives_a_batch_of_known_events(
    acme: Workspace,
) -> None:
    append_events(acme, [keyed(2)])
    now = datetime.now(UTC)
    with scoped(acme.id) as session:
        append(session, acme.id, [from_mapping(event_input(), now)], source=CLI)
        append(
            session, acme.id, [from_mapping(keyed(number), now) for number in (1, 2)], source=CLI
        )
        session.commit()
    assert len(stored(acme)) == 3
    assert counts_are_exact(acme)


def test_hourly_counts_are_by_utc_hour_in_any_zone(acme: Workspace) -> None:
    times = (
        "2026-11-16T10:29:59.999999+05:30",
        "2026-11-16T10:30:00+05:30",
        "2026-11-16T05:00:00Z",
    )
    append_events(acme, [event_input(occurred_at=moment) for moment in times])
    with scoped(acme.id) as session:
        counted = session.execute(select(event_counts.c.hour, event_counts.c.n)).all()
    assert {(row.hour.hour, row.n) for row in counted} == {(4, 1), (5, 2)}
    assert counts_are_exact(acme)


def test_newest_event_of_a_batch_gives_the_actor_details(acme: Workspace) -> None:
    def named(name: str, minute: int) -> dict[str, object]:
        actor = {"id": "u_9", "name": name, "email": f"{name}@Example.com"}
        return event_input(actor=actor, occurred_at=f"2026-11-16T10:{minute}:00Z")

    append_events(acme, [named("old", 10), named("new", 12), named("NEW", 12), named("mid", 11)])
    with scoped(acme.id) as session:
        assert session.scalar(select(actors.c.name).where(actors.c.id == "u_9")) == "NEW"
        known = session.scalars(select(actor_emails.c.email).order_by(actor_emails.c.email))
        assert list(known) == ["mid@example.com", "new@example.com", "old@example.com"]


def test_events_are_encoded_before_the_lock_is_taken(acme: Workspace) -> None:
    """Text that PostgreSQL cannot read is refused although another append holds the lock."""
    unreadable = EventInput(
        activity="a", status="success", actor=ActorInput(id="u_1"), status_code=99_999
    )
    with scoped(acme.id) as first, scoped(acme.id) as second:
        append(first, acme.id, [from_mapping(event_input(), datetime.now(UTC))], source=CLI)
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        with pytest.raises(DataError):
            append(second, acme.id, [unreadable], source=CLI)


BLOCKED = text(
    "SELECT count(*) FROM pg_locks"
    " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
)


def test_wait_for_the_append_lock_is_measured(acme: Workspace) -> None:
    def parsed(given: dict[str, object]) -> EventInput:
        return from_mapping(given, datetime.now(UTC))

    def waited() -> float:
        return REGISTRY.get_sample_value("auditsaas_append_lock_wait_seconds_sum") or 0

    def append_another() -> None:
        with scoped(acme.id) as other:
            append(other, acme.id, [parsed(keyed(2))], source=CLI)

    with scoped(acme.id) as first, ThreadPoolExecutor(1) as pool:
        append(first, acme.id, [parsed(keyed(1))], source=CLI)
        before = waited()
        waiting = pool.submit(append_another)
        eventually(lambda: first.scalar(BLOCKED) == 1, "an append that waits")
        began = perf_counter()
        assert first.scalar(BLOCKED) == 1
        blocked = perf_counter() - began
        first.rollback()
        waiting.result()
        assert waited() - before > blocked > 0
