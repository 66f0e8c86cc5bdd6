"""Grows the tree of one log: a turn of steps, each a transaction that is committed here.

A step locks the head of the tree, takes the events that follow it, and stores their leaves, the
tiles they fill and the new root, or nothing of it. The lock is what keeps two workers apart: one
that finds it taken leaves the log to the other. Checkpoints are signed in transactions of their
own, of sizes that are committed already: a root whose leaves could still be rolled back would be
grown anew with other salts, and its signature would be of a history that never was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.reading.feed import last_seq
from auditsaas.evidence.format import merkle
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import history, keys, leaves, signing, troubles, writing
from auditsaas.evidence.tree.checkpoints import GROWING
from auditsaas.evidence.tree.keys import Keyring, NewKey
from auditsaas.evidence.tree.store import Tree, TreeDamaged
from auditsaas.own_activities import Activity

STEP: Final = 4096
"""Events that one transaction takes in."""
TURN: Final = timedelta(seconds=20)
"""The time after which a log that is still behind is left to others that wait."""


@dataclass(frozen=True)
class Grown:
    """The outcome of a turn."""

    size: int
    behind: int
    """Events that are not in the tree yet."""


def grow(
    workspace_id: UUID,
    ring: Keyring,
    *,
    turn: timedelta = TURN,
    at_once: bool = False,
    session: Session | None = None,
) -> Grown | None:
    """Take what a log has more than its tree into it, and sign what is due.

    ``at_once`` signs the end of the turn, however short a while ago the last checkpoint was.
    Returns None where another worker is at it, or the log is forked and signs nothing.
    """
    session = tenancy.bind(Scope.of(workspace_id), session)
    ends, steps, grown = time.monotonic() + turn.total_seconds(), 0, None
    while grown is None or (grown.behind and time.monotonic() < ends):
        try:
            step = _step(session, workspace_id, ring)
        except TreeDamaged as damage:
            session.rollback()
            signing.fork(session, workspace_id, history.damaged(damage))
            session.commit()
            return grown
        if step is None:
            return grown
        steps, grown = steps + 1, step
        # The end of a burst is signed as soon as it is reached.
        ended = not grown.behind and steps > 1
        signing.sign(session, workspace_id, ring, at_once=ended or at_once)
    return grown


def _step(session: Session, workspace_id: UUID, ring: Keyring) -> Grown | None:
    """Take in at most ``STEP`` events, or none of them; None where the tree is not to be grown."""
    head = _locked(session, workspace_id) or _begun(session, workspace_id, ring)
    if head is None:
        session.rollback()
        return None
    last = last_seq(session, workspace_id)
    until = min(last, head.size + STEP)
    if until > head.size:
        if Tree(session, workspace_id, head.size).root != (head.root or merkle.EMPTY):
            raise TreeDamaged("it does not fold to its root")
        made = leaves.make(session, workspace_id, head.size + 1, until)
        writing.extend(session, workspace_id, head.size, made)
        troubles.tell(session, workspace_id, made, taken_in=head.taken_in, brand=ring.brand)
        root = Tree(session, workspace_id, until).root
        session.execute(
            update(tree_heads)
            .where(tree_heads.c.workspace_id == workspace_id)
            .values(size=until, root=root, grown_at=func.now(), attempts=0, retry_at=None)
        )
    session.commit()
    return Grown(until, last - until)


def _locked(session: Session, workspace_id: UUID) -> Row[Any] | None:
    """Lock the head of a tree that grows; None where there is none, or another worker has it."""
    found = select(tree_heads).where(
        tree_heads.c.workspace_id == workspace_id, tree_heads.c.state == GROWING
    )
    return session.execute(found.with_for_update(skip_locked=True)).one_or_none()


def _begun(session: Session, workspace_id: UUID, ring: Keyring) -> Row[Any] | None:
    """Begin the tree of a log that has none, and lock its head."""
    last = last_seq(session, workspace_id)
    row = insert(tree_heads).values(workspace_id=workspace_id, taken_in=last)
    begun = row.on_conflict_do_nothing()
    if session.scalar(begun.returning(tree_heads.c.taken_in)) is None:
        return None
    _make_first_key(session, workspace_id, ring, last)
    return _locked(session, workspace_id)


def _make_first_key(session: Session, workspace_id: UUID, ring: Keyring, taken_in: int) -> None:
    """Make the key of a log, and record it there with what the log had before it was sealed."""
    made = NewKey.named(keys.origin(ring.base_url, workspace_id))
    own_actions.record(
        session,
        Activity.TREE_KEY_CREATE,
        workspaces=[workspace_id],
        actor=own_actions.installation(ring.brand),
        metadata={"key": str(made.key.verifier), "taken_in": taken_in},
    )
    made.keep(session, workspace_id, ring)
