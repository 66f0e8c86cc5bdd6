"""Logs that grew are found and sealed in turn, whatever is wrong with one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask, current_app
from sqlalchemy import select, text, update

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events import following
from auditsaas.events.models import events
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import checkpoints, growing, keys, sweeping
from auditsaas.evidence.tree.checkpoints import SealState
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.leaves import VACANT
from auditsaas.evidence.tree.store import Tree
from auditsaas.extensions import db
from auditsaas.operations.figures import seals
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import append_events, as_owner, event_input, make_workspace, scoped
from tests.support.log_state import stored
from tests.support.sealing import seal

Look = Callable[..., Callable[[], Sequence[UUID]]]


@pytest.fixture(autouse=True)
def _application(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def ring(settings: Settings) -> Keyring:
    return Keyring.of(settings)


def among(*workspaces: Workspace) -> Callable[[], Sequence[UUID]]:
    """Looks for those of these logs that are due."""
    ids = {workspace.id for workspace in workspaces}
    trees = sweeping.trees(Keyring.of(current_app.extensions["settings"]))
    return lambda: [found for found in following.due(trees, most=100_000) if found in ids]


def state(workspace: Workspace) -> SealState:
    with scoped(workspace.id) as session:
        return checkpoints.state(session, workspace.id)


def sealed_by_sweep(ring: Keyring, *workspaces: Workspace) -> None:
    sweeping.sweep(ring, look=among(*workspaces))


def test_log_is_due_until_all_of_it_is_sealed(workspace: Workspace, ring: Keyring) -> None:
    look = among(workspace)
    assert look() == []
    append_events(workspace, [event_input()])
    assert look() == [workspace.id]
    sealed_by_sweep(ring, workspace)
    assert look() == []
    assert (state(workspace).behind, state(workspace).sealed_size) == (0, 2)


def test_tree_is_due_again_once_its_newest_checkpoint_is_ten_seconds_old(
    workspace: Workspace, ring: Keyring
) -> None:
    seal(workspace)
    append_events(workspace, [event_input()])
    sealed_by_sweep(ring, workspace)
    assert (state(workspace).behind, state(workspace).sealed_size) == (0, 1)
    put_back(workspace, "sealed_at", seconds=11)
    assert among(workspace)() == [workspace.id]
    sealed_by_sweep(ring, workspace)
    assert state(workspace).sealed_size == 2


def put_back(workspace: Workspace, column: str, seconds: int) -> None:
    with scoped(workspace.id) as session:
        moved = tree_heads.c[column] - timedelta(seconds=seconds)
        session.execute(update(tree_heads).values({column: moved}))
        session.commit()


def test_log_that_is_far_behind_leaves_the_others_their_turn(
    workspace: Workspace, ring: Keyring
) -> None:
    for _ in range(5):
        append_events(workspace, [event_input()] * 1000)
    first = growing.grow(workspace.id, ring, turn=timedelta())
    assert first is not None
    assert (first.size, first.behind) == (growing.STEP, 5001 - growing.STEP)


def test_all_that_are_behind_are_sealed_by_one_sweep(ring: Keyring) -> None:
    logs = [make_workspace() for _ in range(3)]
    for number, workspace in enumerate(logs, 1):
        append_events(workspace, [event_input()] * 300 * number)
    sealed_by_sweep(ring, *logs)
    assert [state(workspace).sealed_size for workspace in logs] == [301, 601, 901]


def test_log_without_its_secret_waits_and_holds_up_no_other(
    workspace: Workspace, ring: Keyring
) -> None:
    other = make_workspace()
    for each in (workspace, other):
        append_events(each, [event_input()])
    seal(workspace)
    append_events(workspace, [event_input()])
    put_back(workspace, "sealed_at", seconds=11)
    with scoped(workspace.id) as session:
        [key] = keys.verifier_keys(session, workspace.id)
        keys.retire(session, workspace.id, key.id)
        session.execute(text("UPDATE tree_keys SET retired_at = NULL"))
        session.commit()
    sealed_by_sweep(ring, workspace, other)
    assert state(other).behind == 0
    assert "TREE_KEYS" in (state(workspace).reason or "")
    assert among(workspace)() == []


def tamper(workspace: Workspace, statement: str, **values: object) -> None:
    """Change the log as the owner of the tables can, who may switch the walls off."""
    with as_owner(workspace.id) as session:
        session.execute(text("ALTER TABLE events NO FORCE ROW LEVEL SECURITY"))
        session.execute(text(statement), {"workspace": workspace.id, **values})
        session.execute(text("ALTER TABLE events FORCE ROW LEVEL SECURITY"))
        session.commit()


def findings(workspace: Workspace) -> list[str]:
    """What was told last in the log, in words."""
    with scoped(workspace.id) as session:
        told = select(events.c.metadata).where(events.c.activity == "tree.mismatch")
        [metadata] = session.scalars(told).all()
    return [found["words"] for found in metadata["findings"]]


@pytest.fixture
def growing_log(workspace: Workspace) -> Workspace:
    """A log whose sealing has begun, with five events that are not sealed yet: 2 to 6."""
    seal(workspace)
    append_events(workspace, [event_input(metadata={"a": 1})] * 5)
    return workspace


def test_event_that_was_removed_before_it_was_sealed_is_told(growing_log: Workspace) -> None:
    tamper(growing_log, "DELETE FROM events WHERE workspace_id = :workspace AND seq IN (3, 4, 6)")
    sealed = seal(growing_log)
    assert findings(growing_log) == [
        "Events 3 to 4 were gone before they were sealed",
        "Event 6 was gone before it was sealed",
    ]
    assert (sealed.size, seal(growing_log).size) == (6, 7)


def test_second_event_of_one_number_is_told(growing_log: Workspace) -> None:
    moved = "UPDATE events SET seq = 3 WHERE workspace_id = :workspace AND seq = 4"
    tamper(growing_log, moved)
    seal(growing_log)
    words = ["Event 4 was gone before it was sealed", "Another event stands at the number 3"]
    assert findings(growing_log) == words


def test_name_that_stands_twice_in_a_stored_field_is_told(growing_log: Workspace) -> None:
    changed = "UPDATE events SET metadata = :text WHERE workspace_id = :workspace AND seq = 2"
    tamper(growing_log, changed.replace(":text", "CAST(:text AS json)"), text='{"a":2,"a":1}')
    seal(growing_log)
    words = "Event 2 was changed before it was sealed: metadata is not as written"
    assert findings(growing_log) == [words]


def test_event_whose_time_is_infinite_does_not_stop_the_tree(growing_log: Workspace) -> None:
    changed = (
        "UPDATE events SET occurred_at = 'infinity' WHERE workspace_id = :workspace AND seq = 2"
    )
    tamper(growing_log, changed)
    assert seal(growing_log).size == 6
    words = "Event 2 was changed before it was sealed: occurred_at is not as written"
    assert findings(growing_log) == [words]


def test_vacant_numbers_of_before_are_not_told(workspace: Workspace) -> None:
    append_events(workspace, [event_input()] * 5)
    tamper(workspace, "DELETE FROM events WHERE workspace_id = :workspace AND seq < 4")
    sealed = seal(workspace)
    assert (sealed.size, len(stored(workspace))) == (6, 3)
    with scoped(workspace.id) as session:
        tree = Tree.of(session, workspace.id)
        assert list(tree.preimages(1, 3)) == [VACANT] * 3
        assert list(tree.seeds(1, 3)) == [bytes(16)] * 3
        assert tree.root == sealed.root


def test_longest_lag_is_that_of_the_oldest_event_that_waits(workspace: Workspace) -> None:
    seal(workspace)
    append_events(workspace, [event_input()])
    put_back(workspace, "grown_at", seconds=10**9)
    with platform_session(JOBS) as platform:
        found = seals.longest_lag(platform, db.engine, datetime.now(UTC) + timedelta(seconds=90))
    assert timedelta(seconds=90) <= found


def test_log_that_is_being_taken_in_is_not_late(workspace: Workspace, ring: Keyring) -> None:
    for _ in range(5):
        append_events(workspace, [event_input()] * 1000)
    growing.grow(workspace.id, ring, turn=timedelta())
    with platform_session(JOBS) as platform:
        assert workspace.id not in seals.behind(platform, most=100_000)
    seal(workspace)
    append_events(workspace, [event_input()])
    with platform_session(JOBS) as platform:
        assert workspace.id in seals.behind(platform, most=100_000)
