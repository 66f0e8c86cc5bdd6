"""What was erased or removed from a log is in no table of its dictionary any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from auditsaas.erasures import erasing
from auditsaas.erasures.erasing import Run
from auditsaas.events.maintenance import retention
from auditsaas.events.words import signatures
from auditsaas.events.words.models import event_words
from auditsaas.events.words.pieces import typed
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.maintenance import apply_retention
from tests.support.erasing import Asking, tables_with
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.retaining import only_this_keeps_for_days
from tests.support.sealing import seal
from tests.support.wording import exact, word

EVERYTHING = ("person", "address", "client", "id", "targets", "changes", "metadata")


@pytest.fixture
def asking(engine: object, settings: Settings) -> Asking:
    return Asking.found(settings)


@pytest.fixture
def person() -> str:
    """A name of letters and digits, which is one piece in a dictionary."""
    return f"mira{uuid4().hex}"


def test_erased_name_is_in_no_table_once_its_transaction_ended(
    app: Flask, owner_engine: Engine, asking: Asking, person: str
) -> None:
    asking.send("before", 260)
    asking.send(person, 2)
    seal(asking.workspace)
    word(asking.workspace)
    assert "event_words" in tables_with(owner_engine, person)
    erasure = asking.let_take_effect(app, person, EVERYTHING)
    seal(asking.workspace)
    with Session(owner_engine) as session:
        erasing.batch(session, asking.workspace.id, erasure, Run())
        session.commit()
    assert "event_words" not in tables_with(owner_engine, person)
    assert may_hold(asking.workspace, person) == [None]


def may_hold(workspace: Workspace, folded: str) -> list[bytes | None]:
    """The signatures that let it through."""
    may = signatures.may_hold(signatures.hashes(typed(folded)))
    with scoped(workspace.id) as session:
        return list(session.scalars(select(event_words.c.signature).where(may)))


def test_blocks_of_erased_events_are_made_anew_of_what_is_left(
    app: Flask, owner_engine: Engine, asking: Asking, person: str
) -> None:
    asking.send("before", 260)
    asking.send(person, 2)
    word(asking.workspace)
    asking.erase(app, owner_engine, person, EVERYTHING)
    assert unknown(asking.workspace) == [1]
    word(asking.workspace)
    assert unknown(asking.workspace) == []
    assert may_hold(asking.workspace, person) == []
    assert exact(asking.workspace)


def unknown(workspace: Workspace) -> list[int]:
    with scoped(workspace.id) as session:
        missing = select(event_words.c.block).where(event_words.c.words.is_(None))
        return list(session.scalars(missing.order_by(event_words.c.block)))


@pytest.fixture
def keeping(engine: Engine) -> Workspace:
    workspace = make_workspace()
    only_this_keeps_for_days(workspace)
    return workspace


def send(workspace: Workspace, days: float, word: str, count: int) -> None:
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    event = event_input(occurred_at=at, metadata={"said": word})
    append_events(workspace, [event] * count)


def test_blocks_at_the_edge_of_retention_hold_what_is_left(app: Flask, keeping: Workspace) -> None:
    send(keeping, 60, "zeppelin", 300)
    send(keeping, 1, "airship", 100)
    send(keeping, 60, "zeppelin", 100)
    seal(keeping)
    word(keeping)
    with app.app_context():
        assert apply_retention() == 400
    assert known_blocks(keeping) == {1: False, 2: True}
    word(keeping)
    assert exact(keeping)
    assert (may_hold(keeping, "zeppelin"), len(may_hold(keeping, "airship"))) == ([], 1)


def known_blocks(workspace: Workspace) -> dict[int, bool]:
    """Whether the words of each block are known."""
    with scoped(workspace.id) as session:
        found = session.execute(select(event_words.c.block, event_words.c.words))
        return {row.block: row.words is not None for row in found}


def test_words_that_a_killed_run_left_go_with_the_next(
    app: Flask, owner_engine: Engine, keeping: Workspace
) -> None:
    send(keeping, 60, "zeppelin", 3)
    send(keeping, 1, "airship", 3)
    seal(keeping)
    word(keeping)
    retention.apply(owner_engine, datetime.now(UTC))
    assert len(may_hold(keeping, "zeppelin")) == 1
    with app.app_context():
        apply_retention()
    assert known_blocks(keeping) == {0: False}
