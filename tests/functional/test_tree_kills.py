"""Workers that are killed at any step, or run at once, leave one chain of checkpoints."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import growing
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import append_events, event_input, scoped
from tests.support.sealing import chain_of
from tests.support.striking import killed, struck, worker

MOST = 120
"""More statements and commits than a turn has."""


@pytest.fixture
def ring(settings: Settings, tmp_path: Path) -> Keyring:
    return Keyring.of(replace(settings, tree_keys=tmp_path / "keys"))


def turn(workspace: Workspace, ring: Keyring) -> None:
    with scoped(workspace.id) as session:
        # Waits until the server has noticed that the worker before is gone.
        session.execute(select(tree_heads.c.size).with_for_update()).all()
        session.rollback()
        growing.grow(workspace.id, ring, at_once=True, session=session)


def test_end_at_every_step_leaves_one_chain(
    workspace: Workspace, settings: Settings, ring: Keyring
) -> None:
    append_events(workspace, [event_input()] * 200)
    for strike in range(1, MOST, 2):
        append_events(workspace, [event_input()] * 7)
        ended = False
        with worker(settings.database_url, strike, struck) as session:
            growing.grow(workspace.id, ring, at_once=True, session=session)
            ended = True
        if ended:
            break
        turn(workspace, ring)
    chain = chain_of(workspace, ring)
    assert (chain.wrong, chain.sizes[-1]) == ([], 201 + 7 * (strike + 1) // 2)
    assert 10 < len(chain.sizes) <= strike < MOST - 1


def work(url: str, workspace_id: UUID, ring: Keyring, strike: int) -> None:
    with worker(url, strike, killed) as session:
        growing.grow(workspace_id, ring, at_once=True, session=session)
    os._exit(0)


@pytest.mark.parametrize("strike", [4, 12, 20, 28, 36])
def test_killed_process_leaves_one_chain(
    workspace: Workspace, settings: Settings, ring: Keyring, strike: int
) -> None:
    append_events(workspace, [event_input()] * 300)
    turn(workspace, ring)
    append_events(workspace, [event_input()] * 300)
    words = (settings.database_url, workspace.id, ring, strike)
    process = multiprocessing.get_context("fork").Process(target=work, args=words)
    process.start()
    process.join(60)
    assert process.exitcode in (-signal.SIGKILL, 0)
    turn(workspace, ring)
    chain = chain_of(workspace, ring)
    assert (chain.wrong, chain.sizes[-1]) == ([], 601)


def test_workers_at_once_leave_one_chain(workspace: Workspace, ring: Keyring) -> None:
    def at_once(_: int) -> None:
        with scoped(workspace.id) as session:
            growing.grow(workspace.id, ring, at_once=True, session=session)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            append_events(workspace, [event_input()] * 50)
            list(pool.map(at_once, range(4)))
    turn(workspace, ring)
    chain = chain_of(workspace, ring)
    assert (chain.wrong, chain.sizes[-1]) == ([], 401)


def test_step_that_is_rolled_back_leaves_nothing(workspace: Workspace, ring: Keyring) -> None:
    append_events(workspace, [event_input()] * 10)
    with scoped(workspace.id) as session:
        growing.grow(workspace.id, ring, at_once=True, session=session)
    before = chain_of(workspace, ring)
    append_events(workspace, [event_input()] * 300)
    with scoped(workspace.id) as session:
        event.listen(session, "before_commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            growing.grow(workspace.id, ring, at_once=True, session=session)
    assert chain_of(workspace, ring) == before


def interrupted(_session: Session) -> None:
    raise KeyboardInterrupt
