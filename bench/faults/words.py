"""Two builders take the words of one log in and are killed at random steps: nothing is lacking.

Meanwhile words are forgotten, as erasures do. The control moves the mark in a transaction of its
own, before the blocks: a builder that is killed in between leaves words out for good.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import NullPool, create_engine, select
from sqlalchemy.orm import Session

from auditsaas.events.words import blocks, comparing, forgetting, growing, heads
from auditsaas.events.words.models import word_heads
from auditsaas.workspaces.models import Workspace
from bench.faults.installation import Installation, installation
from bench.faults.verdict import Verdict
from tests.support.factories import append_events, as_owner, event_input, make_workspace, scoped
from tests.support.striking import killed, strike_at
from tests.support.wording import exact, word

SEED: Final = 17
WORKERS: Final = 2
LAST_STEP: Final = 16
"""A turn has about as many statements and commits."""
MOST_EVENTS: Final = 300

_store: Final = blocks.store


class Hurried(Session):
    """Commits the mark first, and then stores the blocks."""

    def commit(self) -> None:
        super().commit()
        for late in self.info.pop("late", ()):
            _store(self, *late)
            super().commit()


def _store_later(session: Session, *given: Any) -> None:
    session.info.setdefault("late", []).append(given)


@dataclass
class Campaign:
    """What came of it."""

    kills: int = 0
    turns: int = 0
    events: int = 0
    lacking: list[int] = field(default_factory=list)
    """Blocks that lacked words after a kill."""
    is_exact: bool = False


def under_kills(kills: int) -> Verdict:
    """Kill builders so often, and compare what is left with the log each time."""
    with installation() as made:
        found = _run(made, kills, Session)
        careless = _run(made, max(20, kills // 5), Hurried)
    lacking = f"{len(found.lacking)} blocks lacked words" if found.lacking else ""
    wrong = lacking or ("" if found.is_exact else "the dictionary is not exact at the end")
    return Verdict(
        f"words of {found.events:,} events taken in by {WORKERS} builders",
        f"{found.kills} × kill -9 at a random step",
        f"exact after each, {found.turns - found.kills} turns ended",
        wrong,
        f"mark before blocks: {len(careless.lacking)} blocks lacked words",
        not wrong and bool(careless.lacking),
    )


def _run(made: Installation, kills: int, kind: type[Session]) -> Campaign:
    workspace, found = make_workspace(), Campaign()
    chance = random.Random(SEED)
    while found.kills < kills:
        found.events += (more := chance.randint(1, MOST_EVENTS))
        append_events(workspace, [event_input(request_id=uuid4().hex) for _ in range(more)])
        if chance.random() < 0.3:
            _forget(workspace, chance.randint(1, found.events))
        steps = [chance.randint(1, LAST_STEP) for _ in range(WORKERS)]
        working = [_started(made, workspace.id, step, kind) for step in steps]
        for worker in working:
            worker.join()
        found.turns += len(working)
        found.kills += sum(worker.exitcode == -signal.SIGKILL for worker in working)
        found.lacking += _lacking(workspace)
    word(workspace)
    found.is_exact = exact(workspace)
    return found


def _forget(workspace: Workspace, seq: int) -> None:
    with as_owner(workspace.id) as session:
        heads.HEAD.lock(session, workspace.id)
        forgetting.forget(session, workspace.id, [seq])
        session.commit()


def _lacking(workspace: Workspace) -> list[int]:
    with as_owner(workspace.id) as owner:
        # Waits until the server has noticed that the builders are gone.
        owner.execute(select(word_heads.c.words_to).with_for_update()).all()
    with scoped(workspace.id) as session:
        words_to = comparing.words_to(session, workspace.id)
        found = comparing.differences(session, workspace.id, words_to)
        return [each.block for each in found if each.lacking]


def _started(made: Installation, workspace_id: UUID, step: int, kind: type[Session]) -> BaseProcess:
    given = (made.settings.owner_url, workspace_id, step, kind)
    worker = multiprocessing.get_context("fork").Process(target=_work, args=given)
    worker.start()
    return worker


def _work(url: str, workspace_id: UUID, step: int, kind: type[Session]) -> None:
    """Give the log a turn, and kill this process before its statement or commit of a number."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"options": "-c timezone=UTC"})
    strike_at(engine, step, killed)
    if kind is Hurried:
        blocks.store = _store_later  # type: ignore[assignment]  # what the control does otherwise
    with kind(engine) as session:
        growing.grow(session, workspace_id)
    os._exit(0)
