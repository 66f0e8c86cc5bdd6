"""Seals logs as the worker of trees does, at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, delete, insert, select, text

from auditsaas.events.models import events, log_heads
from auditsaas.evidence.format.notes import SigningKey
from auditsaas.evidence.models import checkpoints as checkpoint_rows
from auditsaas.evidence.models import tree_heads, tree_leaves, tree_tiles
from auditsaas.evidence.tree import checkpoints, growing, keys
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.tree.keys import Keyring
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
