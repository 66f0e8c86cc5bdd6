"""Columns of a log follow what becomes of it: growth, retention, erasure, a restore, damage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from auditsaas.cli import cli
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.erasures import erasing
from auditsaas.erasures.erasing import Run
from auditsaas.events import following
from auditsaas.events.columns import building, forgetting, sweeping
from auditsaas.events.columns.models import column_heads, event_columns
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.maintenance import epochs, partitions
from auditsaas.events.models import log_heads
from auditsaas.events.reading.facets import Facet, facets
from auditsaas.events.reading.totals import Count, count
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.maintenance import apply_retention
from tests.support.blocks import build
from tests.support.commands import Commands
from tests.support.erasing import Asking, tables_with
from tests.support.factories import (
    OwnerSessions,
    append_events,
    as_owner,
    event_input,
    make_workspace,
    scoped,
)
from tests.support.retaining import only_this_keeps_for_days
from tests.support.sealing import seal
from tests.support.workers import process_environment

OTHER = EventFilter(platform=("Other",), source=("cli",))
pytestmark = pytest.mark.usefixtures("app_context")
EVERYTHING = ("person", "address", "client", "id", "targets", "changes", "metadata")


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def send(workspace: Workspace, number: int, *, days: float = 1, **fields: Any) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    append_events(workspace, [event_input(occurred_at=at, **fields)] * number)


def counted(workspace: Workspace) -> Count:
    with scoped(workspace.id) as session:
        return count(session, [workspace.id], OTHER)


def users(workspace: Workspace) -> Facet:
    with scoped(workspace.id) as session:
        return facets(session, {workspace.slug: workspace.id}, EventFilter(), ["user"])["user"]


def kept(workspace: Workspace) -> dict[int, int]:
    """The blocks that are kept, and the last number of each."""
    found = select(event_columns.c.block, event_columns.c.last_seq).distinct()
    with scoped(workspace.id) as session:
        return {row.block: row.last_seq for row in session.execute(found)}


def spoil(workspace: Workspace) -> None:
    """Let blocks say of no event that its platform is Other."""
    with as_owner(workspace.id) as session:
        platforms = event_columns.c.field == "platform"
        session.execute(update(event_columns).where(platforms).values(words=["Gone"]))
        session.commit()


def test_newest_block_is_built_again_once_it_grew(workspace: Workspace) -> None:
    send(workspace, 900)
    assert build(workspace, least=500).built_to == 900
    send(workspace, 499)
    assert build(workspace, least=500).built_to == 900
    send(workspace, 1)
    assert (build(workspace, least=500).built_to, kept(workspace)) == (1400, {0: 1400})
    assert counted(workspace) == Count(1400, 0, exact=True)


def test_event_that_came_late_is_counted_on_its_day(workspace: Workspace) -> None:
    send(workspace, 10)
    build(workspace)
    send(workspace, 3, days=20)
    assert counted(workspace).total == 13
    build(workspace)
    assert counted(workspace).total == 13


def test_log_is_due_once_enough_of_it_is_in_no_block(workspace: Workspace) -> None:
    for _ in range(2):
        send(workspace, 1000)
    assert not is_due(workspace)
    send(workspace, 48)
    assert is_due(workspace)
    with OwnerSessions() as session:
        following.sweep(
            session,
            sweeping.COLUMNS,
            timedelta(seconds=10),
            look=lambda: [workspace.id] if is_due(workspace) else [],
        )
    assert (kept(workspace), is_due(workspace)) == ({0: 2048}, False)


def is_due(workspace: Workspace) -> bool:
    return workspace.id in following.due(sweeping.COLUMNS, most=100_000)


def test_second_builder_leaves_the_log_to_the_first(workspace: Workspace) -> None:
    send(workspace, 2)
    build(workspace)
    send(workspace, 3)
    with as_owner(workspace.id) as first, OwnerSessions() as second:
        forgetting.lock(first, [workspace.id])
        assert building.build(second, workspace.id, least=1) is None
        first.rollback()
    assert build(workspace).built_to == 5


def test_builder_that_ends_before_its_commit_leaves_nothing(workspace: Workspace) -> None:
    send(workspace, 5)
    with OwnerSessions() as session:
        session.commit = session.flush  # type: ignore[method-assign]  # killed there
        building.build(session, workspace.id, least=1)
        session.rollback()
    assert (kept(workspace), counted(workspace).total) == ({}, 5)
    assert build(workspace).built_to == 5


@pytest.fixture
def keeping(engine: Engine) -> Workspace:
    workspace = make_workspace()
    only_this_keeps_for_days(workspace)
    return workspace


@pytest.mark.parametrize("whole_month", [False, True])
def test_what_retention_removed_is_not_counted(
    app: Flask, owner_engine: Engine, keeping: Workspace, whole_month: bool
) -> None:
    if whole_month:
        with owner_engine.connect() as connection:
            partitions.ensure(connection, datetime.now(UTC) - timedelta(days=300))
    send(keeping, 40, days=300)
    send(keeping, 20)
    seal(keeping)
    build(keeping)
    assert apply_retention() == 40
    assert kept(keeping) == {}
    assert counted(keeping).total == 20
    build(keeping)
    assert counted(keeping) == Count(20, 0, exact=True)
    assert verified(keeping, app.extensions["settings"]) == ""


@pytest.fixture
def asking(engine: object, settings: Settings) -> Asking:
    return Asking.found(settings)


def test_erased_person_is_in_no_block_once_the_transaction_ended(
    app: Flask, owner_engine: Engine, asking: Asking
) -> None:
    person = f"mira{uuid4().hex}"
    asking.send("before", 30)
    asking.send(person, 2)
    seal(asking.workspace)
    build(asking.workspace)
    assert "event_columns" in tables_with(owner_engine, person)
    erasure = asking.let_take_effect(app, person, EVERYTHING)
    seal(asking.workspace)
    with Session(owner_engine) as session:
        erasing.batch(session, asking.workspace.id, erasure, Run())
        session.commit()
    assert "event_columns" not in tables_with(owner_engine, person)
    found = users(asking.workspace)
    assert (person in found.counts, found.counts["before"], found.exact) == (False, 30, True)
    build(asking.workspace)
    assert "event_columns" not in tables_with(owner_engine, person)
    assert users(asking.workspace) == found


def test_blocks_of_a_log_that_was_restored_answer_nothing(workspace: Workspace) -> None:
    send(workspace, 5)
    build(workspace)
    spoil(workspace)
    assert counted(workspace).total == 0
    with as_owner(workspace.id) as session:
        epochs.begin(session, workspace.id)
        session.commit()
    assert counted(workspace).total == 5
    assert is_due(workspace)
    build(workspace)
    assert counted(workspace) == Count(5, 0, exact=True)


@pytest.mark.parametrize("ahead", [1, 2])
def test_blocks_ahead_of_their_log_answer_nothing(workspace: Workspace, ahead: int) -> None:
    send(workspace, 5)
    build(workspace)
    spoil(workspace)
    with as_owner(workspace.id) as session:
        values = {"seq": log_heads.c.seq - ahead}
        session.execute(
            update(log_heads).where(log_heads.c.workspace_id == workspace.id).values(values)
        )
        assert count(session, [workspace.id], OTHER).total == 5
        session.rollback()


def test_blocks_of_another_event_at_their_mark_are_built_anew(workspace: Workspace) -> None:
    send(workspace, 5)
    build(workspace)
    spoil(workspace)
    with as_owner(workspace.id) as session:
        session.execute(update(column_heads).values(last_id=uuid4()))
        session.commit()
    build(workspace)
    assert counted(workspace).total == 5


def test_log_of_very_many_people_counts_them_as_before_and_the_rest_exactly(
    workspace: Workspace,
) -> None:
    for batch in range(5):
        append_events(
            workspace,
            [event_input(actor={"id": f"u_{batch}_{number}"}) for number in range(820)],
        )
    build(workspace)
    with scoped(workspace.id) as session:
        of_people = event_columns.c.field == "actor_id"
        assert session.scalar(select(func.count()).where(of_people)) == 0
    assert counted(workspace) == Count(4100, 0, exact=True)
    assert len(users(workspace).counts) == 4100


def verified(workspace: Workspace, settings: Settings) -> str:
    run = CliRunner(env=process_environment(settings))
    told = run.invoke(cli, ["verify", workspace.slug, "--json"])
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    found = [one for line in lines if line["part"] == "workspace" for one in line["damages"]]
    return "; ".join(f"{one['kind']}: {one['words']}" for one in found)


def test_columns_that_are_not_what_the_events_are_are_found(
    workspace: Workspace, settings: Settings
) -> None:
    send(workspace, 5)
    build(workspace)
    assert verified(workspace, settings) == ""
    spoil(workspace)
    assert verified(workspace, settings).startswith(
        "columns: events 1 to 5 are kept with other values: platform"
    )
    told = Commands(settings).done("db", "rebuild-columns", workspace.slug)
    assert told == "The columns of 1 log are made anew, behind it.\n"
    assert (verified(workspace, settings), counted(workspace).total) == ("", 5)
    build(workspace)
    assert (verified(workspace, settings), counted(workspace).total) == ("", 5)


def test_columns_are_those_of_one_workspace(workspace: Workspace) -> None:
    send(workspace, 5)
    build(workspace)
    other = make_workspace()
    with tenancy.bind(Scope.of(other.id), scoped(other.id)) as session:
        assert session.scalar(select(func.count()).select_from(event_columns)) == 0
        assert count(session, [workspace.id], OTHER).total == 0
