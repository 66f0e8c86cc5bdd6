"""Retention of a sealed log: what goes proves that it was old enough, and says nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.orm import Session

from auditsaas.events.maintenance import partitions, retention
from auditsaas.events.models import events
from auditsaas.events.models import removals as noted
from auditsaas.evidence import removals
from auditsaas.evidence.checking import scanning
from auditsaas.evidence.erased import NO_SEED
from auditsaas.evidence.format import leaf
from auditsaas.evidence.tree.store import Tree
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.maintenance import apply_retention
from tests.support.erasing import Asking
from tests.support.factories import (
    Sessions,
    append_events,
    as_owner,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.log_state import counts_are_exact
from tests.support.sealing import seal
from tests.support.tampering import unguarded

NOW = datetime.now(UTC)
MONTH = datetime(1985, 6, 1, tzinfo=UTC)


@pytest.fixture
def keeping(engine: Engine) -> Workspace:
    """The one workspace of the database that keeps its events for 30 days."""
    with Sessions.begin() as session:
        known = session.scalars(select(Workspace.id)).all()
    workspace = make_workspace()
    with as_owner(*known, workspace.id) as owner:
        owner.execute(update(Workspace).values(retention_days=None, legal_hold=False))
        owner.execute(
            update(Workspace).where(Workspace.id == workspace.id).values(retention_days=30)
        )
        owner.commit()
    return workspace


def send(workspace: Workspace, days: float, count: int = 1) -> None:
    at = (NOW - timedelta(days=days)).isoformat()
    append_events(workspace, [event_input(occurred_at=at) for _ in range(count)])


def numbers(workspace: Workspace) -> list[int]:
    with scoped(workspace.id) as session:
        return list(session.scalars(select(events.c.seq).order_by(events.c.seq)))


def destroyed(workspace: Workspace) -> list[int]:
    """The numbers whose seed is destroyed."""
    with scoped(workspace.id) as session:
        tree = Tree.of(session, workspace.id)
        seeds = enumerate(tree.seeds(1, tree.size), 1)
        return [seq for seq, seed in seeds if seed == NO_SEED]


def notes(workspace: Workspace) -> list[tuple[int, int, int]]:
    with scoped(workspace.id) as session:
        found = select(noted.c.events, noted.c.first_seq, noted.c.last_seq)
        return [(row.events, row.first_seq, row.last_seq) for row in session.execute(found)]


def settle(engine: Engine, workspace: Workspace) -> None:
    with Session(engine) as session:
        removals.settle(session, workspace.id, "AuditSaaS")


def test_removed_numbers_prove_that_they_were_before_the_cut(
    app: Flask, keeping: Workspace
) -> None:
    send(keeping, 1)
    send(keeping, 60, 300)
    send(keeping, 29)
    root, size = (before := seal(keeping)).root, before.size
    with app.app_context():
        assert apply_retention() == 300
    gone = sorted(set(range(1, size + 1)) - set(numbers(keeping)))
    assert gone == destroyed(keeping) == list(range(2, 302))
    with scoped(keeping.id) as session:
        told = select(events.c.metadata).where(events.c.activity == "retention.apply")
        [metadata] = session.scalars(told)
        cut = leaf.micros_of(datetime.fromisoformat(metadata["before"]))
        tree = Tree.of(session, keeping.id, size)
        times = [leaf.read_preimage(one)[0] for one in tree.preimages(2, 301)]
        assert tree.root == root
    assert metadata["removed"] == 300
    assert max(times) < cut
    assert notes(keeping) == []


def test_numbers_that_are_not_sealed_wait(owner_engine: Engine, keeping: Workspace) -> None:
    send(keeping, 60, 2)
    sealed = seal(keeping).size
    send(keeping, 60, 3)
    [removed] = retention.apply(owner_engine, NOW)
    assert removed.events == 2
    assert [seq for seq in numbers(keeping) if seq > sealed] == [sealed + n for n in (1, 2, 3)]
    seal(keeping)
    [removed] = retention.apply(owner_engine, NOW)
    assert removed.events == 3
    assert counts_are_exact(keeping)


def test_log_that_was_never_sealed_keeps_nothing_back(
    owner_engine: Engine, keeping: Workspace
) -> None:
    """The control of the test above."""
    send(keeping, 60, 3)
    [removed] = retention.apply(owner_engine, NOW)
    assert removed.events == 3


def test_run_that_ends_before_it_told_is_told_by_the_next(
    owner_engine: Engine, app: Flask, keeping: Workspace
) -> None:
    send(keeping, 60, 3)
    seal(keeping)
    retention.apply(owner_engine, NOW)  # and the process is killed here
    assert notes(keeping) == [(3, 1, 3)]
    assert destroyed(keeping) == []
    with app.app_context():
        apply_retention()
    assert (notes(keeping), destroyed(keeping)) == ([], [1, 2, 3])
    with scoped(keeping.id) as session:
        told = select(events.c.metadata).where(events.c.activity == "retention.apply")
        assert [one["removed"] for one in session.scalars(told)] == [3]


def test_run_that_ends_between_tiles_goes_on(
    owner_engine: Engine, keeping: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removals, "STEP", 1)
    send(keeping, 60, 600)
    seal(keeping)
    retention.apply(owner_engine, NOW)
    with Session(owner_engine) as session, monkeypatch.context() as patch:
        patch.setattr(session, "commit", lambda: None)
        patch.setattr(removals, "_destroy", lambda *_: False)
        removals.settle(session, keeping.id, "AuditSaaS")
        session.rollback()
    assert destroyed(keeping) == []
    settle(owner_engine, keeping)
    settle(owner_engine, keeping)
    assert (notes(keeping), destroyed(keeping)) == ([], list(range(1, 601)))


def test_month_that_is_dropped_destroys_its_seeds_and_waits_for_the_seal(
    owner_engine: Engine, keeping: Workspace
) -> None:
    with owner_engine.begin() as connection:
        connection.exec_driver_sql(partitions.creation("events_1985_06", MONTH))
    append_events(keeping, [event_input(occurred_at=MONTH.isoformat()) for _ in range(4)])
    sealed = seal(keeping).size
    append_events(keeping, [event_input(occurred_at=MONTH.isoformat())])
    with owner_engine.connect() as connection:
        assert [r.events for r in retention.apply(owner_engine, NOW)] == [4]
        assert partitions_of(connection) == 1
        seal(keeping)
        assert [r.events for r in retention.apply(owner_engine, NOW)] == [1]
        connection.rollback()
        assert partitions_of(connection) == 0
    settle(owner_engine, keeping)
    assert set(range(1, 5)) | {sealed + 1} == set(destroyed(keeping))
    assert counts_are_exact(keeping)


def partitions_of(connection: Connection) -> int:
    found = connection.exec_driver_sql(
        "SELECT count(*) FROM pg_class WHERE relname = 'events_1985_06'"
    )
    return int(found.scalar_one())


def test_sums_of_a_tile_are_of_the_events_that_are_left(
    app: Flask, owner_engine: Engine, keeping: Workspace
) -> None:
    send(keeping, 60, 3)
    send(keeping, 1, 3)
    seal(keeping)
    retention.apply(owner_engine, NOW)
    with scoped(keeping.id) as session:
        assert scanning.check(session, keeping.id) == []
    settle(owner_engine, keeping)
    with scoped(keeping.id) as session:
        assert scanning.check(session, keeping.id) == []
    with unguarded(owner_engine, keeping.id) as owner:
        owner.does("UPDATE events SET ip = '203.0.113.9' WHERE workspace_id = :w AND seq = 6")
    with scoped(keeping.id) as session:
        [found] = scanning.check(session, keeping.id)
    assert (found.seq, [each.field for each in found.fields]) == (6, ["ip"])


def test_event_that_was_too_young_to_go_is_missing(
    app: Flask, owner_engine: Engine, keeping: Workspace
) -> None:
    send(keeping, 60, 3)
    send(keeping, 1, 3)
    seal(keeping)
    retention.apply(owner_engine, NOW)
    settle(owner_engine, keeping)
    with unguarded(owner_engine, keeping.id) as owner:
        owner.does("DELETE FROM events WHERE workspace_id = :w AND seq = 6")
    with scoped(keeping.id) as session:
        [found] = scanning.check(session, keeping.id)
    assert found.words == "Event 6 was sealed and is missing from the log"


def test_erased_event_is_removed_like_any_other(
    app: Flask, owner_engine: Engine, keeping: Workspace, settings: Settings
) -> None:
    asking = Asking(keeping, make_member(keeping), settings, make_member(keeping))
    asking.send("ola", occurred_at=(NOW - timedelta(days=60)).isoformat())
    asking.erase(app, owner_engine, "ola")
    retention.apply(owner_engine, NOW)
    settle(owner_engine, keeping)
    assert 1 not in numbers(keeping)
    assert 1 in destroyed(keeping)
    with scoped(keeping.id) as session:
        assert scanning.check(session, keeping.id) == []
