"""The dictionary of words of a log: what is in it, whatever became of the log meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import ColumnElement, Engine, Row, func, select, update

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events import following
from auditsaas.events.words import signatures, sweeping
from auditsaas.events.words.models import BLOCK, event_words, word_heads
from auditsaas.events.words.pieces import typed
from auditsaas.events.words.sweeping import Pace
from auditsaas.operations.figures import dictionaries
from auditsaas.operations.figures.dictionaries import Words
from auditsaas.operations.verification import words as verification
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.words import sweep
from tests.support.commands import Commands
from tests.support.factories import (
    OwnerSessions,
    append_events,
    as_owner,
    event_input,
    make_workspace,
    scoped,
)
from tests.support.left_over import hold_all_words
from tests.support.wording import exact, word


@pytest.fixture(autouse=True)
def _application(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def block_rows(workspace: Workspace) -> list[Row[Any]]:
    with scoped(workspace.id) as session:
        return list(session.execute(select(event_words).order_by(event_words.c.block)))


def words_to(workspace: Workspace) -> int | None:
    with scoped(workspace.id) as session:
        return session.scalar(select(word_heads.c.words_to))


def test_block_holds_every_text_of_its_events(workspace: Workspace) -> None:
    append_events(workspace, [event_input(metadata={"Größe": "Ünïcode, ЖУК"}, request_id="R-7")])
    word(workspace)
    [block] = block_rows(workspace)
    expected = {"invoice", "update", "invoices", "42", "ann", "lee", "example", "203", "r", "7"}
    assert expected | {"grösse", "ünïcode", "жук"} <= set(block.words.split("\n"))
    assert (block.block, block.first_seq, block.last_seq, block.events) == (0, 1, 1, 1)


def test_block_that_is_not_full_grows_with_its_log(workspace: Workspace) -> None:
    append_events(workspace, [event_input(path="/first")])
    word(workspace)
    append_events(workspace, [event_input(path="/second")])
    word(workspace)
    [block] = block_rows(workspace)
    assert {"first", "second"} <= set(block.words.split("\n"))
    assert (block.last_seq, block.events, words_to(workspace)) == (2, 2, 2)


def test_log_is_parted_into_blocks_of_its_numbers(workspace: Workspace) -> None:
    for _ in range(5):
        append_events(workspace, [event_input()] * 999)
    assert word(workspace).words_to == 4995
    found = block_rows(workspace)
    assert [row.block for row in found] == list(range(20))
    assert {row.events for row in found[:-1]} == {BLOCK}
    assert (found[3].first_seq, found[3].last_seq, found[-1].last_seq) == (751, 1000, 4995)


def test_signature_lets_through_what_is_in_a_block_and_hardly_anything_else(
    workspace: Workspace,
) -> None:
    append_events(workspace, [event_input(request_id=f"req_{n:08x}") for n in range(BLOCK)])
    word(workspace)
    assert passes(workspace, "req_0000001f")
    assert passes(workspace, "VOICES/4".lower())
    assert not passes(workspace, "zeppelin")


def passes(workspace: Workspace, folded: str) -> bool:
    may = signatures.may_hold(signatures.hashes(typed(folded)))
    with scoped(workspace.id) as session:
        return session.scalar(select(event_words.c.block).where(may)) is not None


def test_log_is_due_once_it_has_enough_new_events_or_they_waited(workspace: Workspace) -> None:
    append_events(workspace, [event_input()])
    assert is_due(workspace)
    word(workspace)
    append_events(workspace, [event_input()] * (sweeping.ENOUGH - 1))
    assert not is_due(workspace)
    put_back(workspace, sweeping.WAIT)
    assert is_due(workspace)
    append_events(workspace, [event_input()])
    assert is_due(workspace)
    word(workspace)
    assert not is_due(workspace)


def is_due(workspace: Workspace) -> bool:
    return workspace.id in following.due(sweeping.WORDS, most=100_000)


def put_back(workspace: Workspace, by: timedelta) -> None:
    with as_owner(workspace.id) as session:
        session.execute(update(word_heads).values(grown_at=word_heads.c.grown_at - by))
        session.commit()


def test_sweep_takes_in_every_log_that_is_due() -> None:
    logs = [make_workspace() for _ in range(3)]
    for number, workspace in enumerate(logs, 1):
        append_events(workspace, [event_input()] * 300 * number)
    ids = {workspace.id for workspace in logs}
    with OwnerSessions() as session:
        following.sweep(
            session,
            sweeping.WORDS,
            sweeping.SWEEP,
            look=lambda: [one for one in following.due(sweeping.WORDS, 100_000) if one in ids],
        )
    assert [words_to(workspace) for workspace in logs] == [300, 600, 900]


def test_task_takes_in_what_is_due(owner_engine: Engine) -> None:
    hold_all_words(owner_engine)
    workspace = make_workspace()
    append_events(workspace, [event_input()] * sweeping.ENOUGH)
    while is_due(workspace):
        assert sweep() > 0
    assert words_to(workspace) == sweeping.ENOUGH


def test_sweeps_are_brief_at_first_and_while_logs_grow_fast(workspace: Workspace) -> None:
    pace = Pace()
    assert pace.next() == sweeping.BRIEF
    put_clock_back(pace, seconds=1)
    assert pace.next() == sweeping.SWEEP
    for _ in range(3):
        append_events(workspace, [event_input()] * 1_000)
    put_clock_back(pace, seconds=0)
    assert pace.next() == sweeping.BRIEF


def put_clock_back(pace: Pace, seconds: float) -> None:
    """As if so long had passed since the last sweep, at least."""
    assert pace.last is not None
    pace.last = (time.monotonic() - seconds, pace.last[1])


def test_dictionary_is_of_one_workspace(workspace: Workspace) -> None:
    append_events(workspace, [event_input()])
    word(workspace)
    other = make_workspace()
    word(other)
    assert block_rows(other) == []
    assert ids_of(workspace) == {workspace.id}


def ids_of(workspace: Workspace) -> set[UUID]:
    return {row.workspace_id for row in block_rows(workspace)}


def test_figures_tell_of_events_that_are_in_no_dictionary(workspace: Workspace) -> None:
    before = figures()
    append_events(workspace, [event_input()] * 7)
    between = figures()
    word(workspace)
    assert between.behind == before.behind + 7
    assert figures().behind == before.behind


def figures() -> Words:
    with platform_session(JOBS) as platform:
        return dictionaries.read(platform, datetime.now(UTC))


def test_verify_finds_words_that_are_gone_and_words_that_no_event_says(
    workspace: Workspace, settings: Settings
) -> None:
    append_events(workspace, [event_input()] * 300)
    word(workspace)
    assert verified(workspace) == ""
    spoil(workspace, 0, event_words.c.words.op("||")("zeppelin\n"))
    assert "holds what is not in the events 1 to 250" in verified(workspace)
    spoil(workspace, 0, func.replace(event_words.c.words, "invoice\n", ""))
    assert "lacks words of the events 1 to 250" in verified(workspace)
    told = Commands(settings).done("db", "rebuild-words", workspace.slug)
    assert told.startswith("1 dictionary is made anew, behind")
    assert verified(workspace) == ""
    word(workspace)
    assert (verified(workspace), exact(workspace)) == ("", True)


def verified(workspace: Workspace) -> str:
    with scoped(workspace.id) as session:
        report = verification.verify(session, workspace)
    return "; ".join(damage.words for damage in report.damages)


def spoil(workspace: Workspace, block: int, words: ColumnElement[str]) -> None:
    with as_owner(workspace.id) as session:
        session.execute(update(event_words).where(event_words.c.block == block).values(words=words))
        session.commit()
