"""Two workers grow one log and are killed at random steps, 200 times: one chain is left.

The control signs what is not committed yet, as if all of a turn were one transaction: a root whose
leaves are rolled back is never made again, for their salts are random, so its signature is of a
history that never was.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from typing import Final
from uuid import UUID

from sqlalchemy import NullPool, create_engine, select
from sqlalchemy.orm import Session

from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import growing
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.workspaces.models import Workspace
from bench.faults.installation import Installation, installation
from bench.faults.verdict import Verdict
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.sealing import chain_of
from tests.support.striking import killed, strike_at

SEED: Final = 16
WORKERS: Final = 2
LAST_STEP: Final = 45
"""A turn has about as many statements and commits."""
MOST_EVENTS: Final = 300


class Hurried(Session):
    """Commits every other time alone, so that leaves and signature are one transaction."""

    def commit(self) -> None:
        self.info["commits"] = self.info.get("commits", 0) + 1
        if self.info["commits"] % 2 == 0:
            super().commit()
        else:
            self.flush()


@dataclass
class Campaign:
    """What came of it."""

    kills: int = 0
    turns: int = 0
    events: int = 0
    wrong: list[str] = field(default_factory=list)
    checkpoints: int = 0


def under_kills(kills: int) -> Verdict:
    """Kill workers so often, and compare what is left."""
    with installation() as made:
        found = _run(made, kills, Session)
        careless = _run(made, max(20, kills // 5), Hurried)
    return Verdict(
        f"a log of {found.events:,} events grown by {WORKERS} workers",
        f"{found.kills} × kill -9 at a random step",
        f"{found.checkpoints:,} checkpoints of one chain, {found.turns - found.kills} turns ended",
        "; ".join(found.wrong[:3]),
        f"signing before the commit: {careless.wrong[0] if careless.wrong else 'nothing wrong'}",
        not found.wrong and bool(careless.wrong),
    )


def _run(made: Installation, kills: int, kind: type[Session]) -> Campaign:
    workspace, found = make_workspace(), Campaign()
    ring = Keyring.of(replace(made.settings, tree_keys=made.folder / "keys"))
    chance = random.Random(SEED)
    while found.kills < kills:
        found.events += (more := chance.randint(1, MOST_EVENTS))
        append_events(workspace, [event_input()] * more)
        steps = [chance.randint(1, LAST_STEP) for _ in range(WORKERS)]
        working = [_started(made, workspace.id, ring, step, kind) for step in steps]
        for worker in working:
            worker.join()
        found.turns += len(working)
        found.kills += sum(worker.exitcode == -signal.SIGKILL for worker in working)
    with scoped(workspace.id) as session:
        session.execute(select(tree_heads.c.size).with_for_update()).all()
        session.rollback()
        growing.grow(workspace.id, ring, at_once=True, session=session)
    chain = chain_of(workspace, ring)
    found.wrong, found.checkpoints = [*chain.wrong, *_unfinished(workspace)], len(chain.sizes)
    return found


def _unfinished(workspace: Workspace) -> list[str]:
    with scoped(workspace.id) as session:
        head = session.execute(select(tree_heads.c.state, tree_heads.c.reason)).one()
    return [] if head.state == "growing" else [head.reason]


def _started(
    made: Installation, workspace_id: UUID, ring: Keyring, step: int, kind: type[Session]
) -> BaseProcess:
    words = (made.settings.database_url, workspace_id, ring, step, kind)
    worker = multiprocessing.get_context("fork").Process(target=_work, args=words)
    worker.start()
    return worker


def _work(url: str, workspace_id: UUID, ring: Keyring, step: int, kind: type[Session]) -> None:
    """Give the log a turn, and kill this process before its statement or commit of a number."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"options": "-c timezone=UTC"})
    strike_at(engine, step, killed)
    with kind(engine) as session:
        growing.grow(workspace_id, ring, at_once=True, session=session)
    os._exit(0)
