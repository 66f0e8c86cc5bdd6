"""Closes a log that can sign nothing more, and begins another over the same events.

A log signs one history only. Where the events that it signed are lost for good, what was signed of
it stays true of a log that ends there, and another one begins: with an origin and a key of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.events.reading.feed import last_seq
from auditsaas.evidence.format.notes import base64
from auditsaas.evidence.models import checkpoints, erasures, tree_heads, tree_leaves, tree_tiles
from auditsaas.evidence.tree import keys
from auditsaas.evidence.tree.checkpoints import GROWING, newest
from auditsaas.evidence.tree.keys import Keyring, NewKey
from auditsaas.evidence.tree.store import Tree, TreeDamaged
from auditsaas.evidence.witnesses.models import witnesses
from auditsaas.own_actions import Operator
from auditsaas.own_activities import Activity

_ALLOWED: Final = text("SELECT set_config('auditsaas.beginning_anew', 'yes', true)")


@dataclass(frozen=True)
class Begun:
    """The log that was begun, and the one that it came after."""

    origin: str
    closed: str


class NotBegun(Exception):
    """A log was not begun anew, for a reason the operator can act on."""


def begin_anew(
    session: Session, workspace_id: UUID, ring: Keyring, by: Operator, reason: str, *, rebuild: bool
) -> Begun:
    """Close the log and begin another, as the owner of the tables; the caller commits.

    Its leaves stay, where the stored tree is whole; ``rebuild`` makes them all anew.

    Raises:
        NotBegun: there is no log, or its tree is not whole and is not to be rebuilt.
    """
    closed = keys.current_origin(session, workspace_id)
    head = _locked(session, workspace_id)
    if closed is None or head is None:
        raise NotBegun("The log has no key yet: it gets one with its first event.")
    if rebuild:
        _clear(session, workspace_id)
    elif not _is_whole(session, head):
        raise NotBegun("The stored tree is not whole: bring it back, or give --rebuild.")
    closings = [*head.closed, _closing(session, head, ring, closed, reason)]
    made = NewKey.named(f"{keys.origin(ring.base_url, workspace_id)}/{len(closings) + 1}")
    _tell(session, workspace_id, by, made, closings[-1], rebuild=rebuild)
    for key in keys.verifier_keys(session, workspace_id):
        if key.retired_at is None:
            keys.retire(session, workspace_id, key.id)
    made.keep(session, workspace_id, ring)
    _reset(session, head, closings, rebuild=rebuild)
    return Begun(made.key.name, closed)


def _locked(session: Session, workspace_id: UUID) -> Row[Any] | None:
    found = select(tree_heads).where(tree_heads.c.workspace_id == workspace_id)
    return session.execute(found.with_for_update()).one_or_none()


def _is_whole(session: Session, head: Row[Any]) -> bool:
    """Tell whether the tree folds to its root, and to its newest checkpoint."""
    last = newest(session, head.workspace_id)
    try:
        folds = Tree(session, head.workspace_id, head.size).root == head.root
        if last is None or last.size > head.size:
            return folds and last is None
        return folds and Tree(session, head.workspace_id, last.size).root == last.root
    except TreeDamaged:
        return False


def _clear(session: Session, workspace_id: UUID) -> None:
    """Remove the stored tree. Events whose words were erased are sealed anew as they are now."""
    session.execute(_ALLOWED)
    for table in (tree_leaves, tree_tiles, checkpoints, erasures):
        session.execute(delete(table).where(table.c.workspace_id == workspace_id))


def _closing(
    session: Session, head: Row[Any], ring: Keyring, origin: str, reason: str
) -> dict[str, Any]:
    """Keep the greatest head that is known to have been signed of the log that ends."""
    known = ring.folder.signed(head.workspace_id, origin) if ring.folder else None
    last = newest(session, head.workspace_id)
    greatest = max(((one.size, one.root) for one in (known, last) if one is not None), default=None)
    told: dict[str, Any] = {"origin": origin, "reason": reason}
    if greatest is not None:
        told |= {"size": greatest[0], "root": base64(greatest[1])}
    return told


def _tell(
    session: Session,
    workspace_id: UUID,
    by: Operator,
    made: NewKey,
    closing: dict[str, Any],
    *,
    rebuild: bool,
) -> None:
    own_actions.record(
        session,
        Activity.TREE_BEGIN_ANEW,
        workspaces=[workspace_id],
        actor=by.actor,
        metadata={
            **by.metadata,
            "reason": closing["reason"],
            "closed": {name: value for name, value in closing.items() if name != "reason"},
            "key": str(made.key.verifier),
            "rebuilt": rebuild,
        },
    )


def _reset(
    session: Session, head: Row[Any], closings: list[dict[str, Any]], *, rebuild: bool
) -> None:
    now: dict[str, Any] = {"state": GROWING, "reason": None, "attempts": 0, "retry_at": None}
    if rebuild:
        last = last_seq(session, head.workspace_id)
        now |= {"size": 0, "root": None, "taken_in": last, "grown_at": None}
    stamped = session.scalar(select(func.now()))
    closings[-1]["at"] = stamped.isoformat(timespec="seconds") if stamped else None
    session.execute(
        update(tree_heads)
        .where(tree_heads.c.workspace_id == head.workspace_id)
        .values(**now, closed=closings, sealed_size=0, sealed_at=None)
    )
    # A witness knows the other log by another name, and nothing of it.
    session.execute(
        update(witnesses)
        .where(witnesses.c.workspace_id == head.workspace_id)
        .values(last_size=0, last_at=None, next_try_at=func.now())
    )
