"""Builders of a dictionary that are killed at any step, or run at once, leave an exact one."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import OperationalError

from auditsaas.events.maintenance import epochs
from auditsaas.events.models import events, log_heads
from auditsaas.events.words import growing, heads
from auditsaas.events.words.models import event_words, word_heads
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import (
    OwnerSessions,
    append_events,
    as_owner,
    event_input,
    scoped,
)
from tests.support.striking import killed, struck, worker
from tests.support.wording import exact, word

MOST = 120
"""More statements and commits than a turn has."""


def lines(number: int) -> list[dict[str, object]]:
    return [event_input(request_id=uuid4().hex) for _ in range(number)]


def test_end_at_every_step_leaves_an_exact_dictionary(
    workspace: Workspace, settings: Settings
) -> None:
    append_events(workspace, lines(200))
    for strike in range(1, MOST):
        append_events(workspace, lines(7))
        ended = False
        with worker(settings.owner_url, strike, struck) as session:
            growing.grow(session, workspace.id)
            ended = True
        assert exact(workspace)
        if ended:
            break
        wait_for(workspace)
    assert 5 < strike < MOST - 1
    assert word(workspace).words_to == 200 + 7 * strike
    assert exact(workspace)


def wait_for(workspace: Workspace) -> None:
    """Wait until the server has noticed that the worker before is gone."""
    with as_owner(workspace.id) as session:
        session.execute(select(word_heads.c.words_to).with_for_update()).all()


def work(url: str, workspace: Workspace, strike: int) -> None:
    with worker(url, strike, killed) as session:
        growing.grow(session, workspace.id)
    os._exit(0)


@pytest.mark.parametrize("strike", [4, 9, 14])
def test_killed_process_leaves_an_exact_dictionary(
    workspace: Workspace, settings: Settings, strike: int
) -> None:
    append_events(workspace, lines(130))
    word(workspace)
    append_events(workspace, lines(400))
    process = multiprocessing.get_context("fork").Process(
        target=work, args=(settings.owner_url, workspace, strike)
    )
    process.start()
    process.join(60)
    assert process.exitcode in (-signal.SIGKILL, 0)
    assert exact(workspace)
    wait_for(workspace)
    assert word(workspace).words_to == 530
    assert exact(workspace)


def test_builders_at_once_leave_an_exact_dictionary(workspace: Workspace) -> None:
    def at_once(_: int) -> None:
        with OwnerSessions() as session:
            growing.grow(session, workspace.id)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(6):
            append_events(workspace, lines(70))
            list(pool.map(at_once, range(4)))
    assert word(workspace).words_to == 420
    assert exact(workspace)


@pytest.fixture
def known(workspace: Workspace) -> Workspace:
    """A workspace with two blocks and a dictionary of them."""
    append_events(workspace, lines(400))
    word(workspace)
    return workspace


def mark(workspace: Workspace) -> int:
    with scoped(workspace.id) as session:
        return int(session.execute(heads.marks([workspace.id])).one().words_to)


def cut(workspace: Workspace, *, after: int) -> None:
    """Bring a log back to a number, as an older backup would."""
    with as_owner(workspace.id) as session:
        session.execute(delete(events).where(events.c.seq > after))
        session.execute(update(log_heads).values(seq=after))
        session.commit()


def test_dictionary_ahead_of_its_log_answers_nothing_and_is_begun_anew(known: Workspace) -> None:
    cut(known, after=270)
    assert mark(known) == 0
    word(known)
    assert (mark(known), exact(known)) == (270, True)


def test_dictionary_of_another_history_is_begun_anew(known: Workspace) -> None:
    cut(known, after=270)
    append_events(known, lines(200))
    word(known)
    assert (mark(known), exact(known)) == (470, True)


def test_dictionary_of_another_epoch_answers_nothing_and_is_begun_anew(known: Workspace) -> None:
    with as_owner(known.id) as session:
        epochs.begin(session, known.id)
        session.commit()
    assert mark(known) == 0
    word(known)
    assert (mark(known), exact(known)) == (400, True)


def test_dictionary_made_in_another_way_answers_nothing_and_is_begun_anew(
    known: Workspace,
) -> None:
    with as_owner(known.id) as session:
        session.execute(update(word_heads).values(made_by=word_heads.c.made_by - 1))
        session.commit()
    assert mark(known) == 0
    word(known)
    assert (mark(known), exact(known)) == (400, True)


def test_reader_of_the_old_mark_still_finds_blocks_when_it_is_begun_anew(known: Workspace) -> None:
    with as_owner(known.id) as session:
        heads.distrust(session, [known.id])
        session.commit()
        grown = growing.grow(session, known.id, turn=timedelta())
    assert grown is not None
    assert grown.words_to == 0
    with scoped(known.id) as session:
        assert session.scalar(select(func.sum(event_words.c.events))) == 400


def test_blocks_beyond_a_log_that_was_cut_go_at_once(known: Workspace) -> None:
    cut(known, after=250)
    with OwnerSessions() as session:
        growing.grow(session, known.id, turn=timedelta())
    with scoped(known.id) as session:
        assert session.scalars(select(event_words.c.block)).all() == [0]


def test_block_whose_events_are_gone_when_it_is_made_anew_goes(known: Workspace) -> None:
    with as_owner(known.id) as session:
        session.execute(delete(events).where(events.c.seq <= 250))
        heads.distrust(session, [known.id])
        session.commit()
    word(known)
    with scoped(known.id) as session:
        assert session.scalars(select(event_words.c.block)).all() == [1]
    assert exact(known)


def test_dictionary_behind_its_log_goes_on(known: Workspace) -> None:
    with as_owner(known.id) as session:
        session.execute(delete(event_words))
        session.execute(delete(word_heads))
        session.commit()
    assert mark(known) == 0
    word(known)
    assert (mark(known), exact(known)) == (400, True)


def test_log_of_very_many_events_leaves_the_others_their_turn(workspace: Workspace) -> None:
    for _ in range(5):
        append_events(workspace, [event_input()] * 1000)
    with OwnerSessions() as session:
        first = growing.grow(session, workspace.id, turn=timedelta())
    assert first is not None
    assert (first.words_to, first.behind) == (0, 5000)


def test_lock_keeps_builders_from_a_dictionary_that_has_no_head_yet(workspace: Workspace) -> None:
    append_events(workspace, lines(2))
    with as_owner(workspace.id) as holder:
        heads.HEAD.lock(holder, workspace.id)
        with as_owner(workspace.id) as session:
            session.execute(text("SET lock_timeout = '200ms'"))
            with pytest.raises(OperationalError):
                growing.grow(session, workspace.id)
        holder.commit()
    assert word(workspace).words_to == 2
