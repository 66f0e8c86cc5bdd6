"""Seals logs as the worker of trees does, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, insert, select, text

from auditsaas.events.models import events, log_heads
from auditsaas.evidence.format.notes import SigningKey
from auditsaas.evidence.models import checkpoints as checkpoint_rows
from auditsaas.evidence.models import tree_heads, tree_leaves, tree_tiles
from auditsaas.evidence.tree import checkpoints, growing, keys, rows
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.tree.upkeep import overview
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import as_owner, scoped

_ring: list[Keyring] = []


def seal_as(settings: Settings) -> None:
    """Sign as this installation from now on."""
    _ring[:] = [Keyring.of(settings)]


def seal(workspace: Workspace, *, ring: Keyring | None = None) -> Sealed:
    """Take all of the workspace's events into its tree, and sign a checkpoint of them."""
    with scoped(workspace.id) as session:
        growing.grow(workspace.id, ring or _ring[0], at_once=True, session=session)
        sealed = checkpoints.newest(session, workspace.id)
    assert sealed is not None
    return sealed


def vkey(workspace: Workspace) -> str:
    """The key that verifies the workspace's checkpoints."""
    with scoped(workspace.id) as session:
        return str(keys.verifier_keys(session, workspace.id)[-1].verifier)


BACKED_UP: tuple[Table, ...] = (
    *(log_heads, events, tree_heads, tree_leaves, tree_tiles, checkpoint_rows),
)


class Backup:
    """A workspace's log and its tree as they are now, to be brought back later."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        with as_owner(workspace.id) as session:
            self._rows: dict[str, list[dict[str, Any]]] = {
                table.name: [
                    dict(row)
                    for row in session.execute(
                        select(table).where(table.c.workspace_id == workspace.id)
                    ).mappings()
                ]
                for table in BACKED_UP
            }

    def restore(self) -> None:
        """Put the rows in the place of those that are there, as the owner of the tables can."""
        with as_owner(self._workspace.id) as session:
            for table in BACKED_UP:
                session.execute(text(f"ALTER TABLE {table.name} NO FORCE ROW LEVEL SECURITY"))
                session.execute(delete(table).where(table.c.workspace_id == self._workspace.id))
                if self._rows[table.name]:
                    session.execute(insert(table), self._rows[table.name])
                session.execute(text(f"ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY"))
            session.commit()


def own_key(workspace: Workspace) -> SigningKey:
    """The key with which this installation signs the workspace's checkpoints."""
    with scoped(workspace.id) as session:
        return keys.signers(session, workspace.id, _ring[0])[-1].key


@dataclass(frozen=True)
class Chain:
    """What was signed of a log, and what is wrong with it; nothing, where it is one chain."""

    sizes: list[int]
    wrong: list[str]


def chain_of(workspace: Workspace, ring: Keyring | None = None) -> Chain:
    """Compare every checkpoint with the tree, and every leaf with its event."""
    with scoped(workspace.id) as session:
        wrong = list(overview.contradictions(session, workspace.id, ring or _ring[0]))
        tree = Tree.of(session, workspace.id)
        if tree.size:
            kept, seeds = tree.preimages(1, tree.size), tree.seeds(1, tree.size)
            read = rows.read(session, workspace.id, 1, tree.size)
            for event, preimage, seed in zip(read, kept, seeds, strict=True):
                if event.preimage(seed) != preimage:
                    wrong.append(f"The leaf of {event.seq} is another.")
        sizes = select(checkpoint_rows.c.size).order_by(checkpoint_rows.c.size)
        return Chain(list(session.scalars(sizes)), wrong)
