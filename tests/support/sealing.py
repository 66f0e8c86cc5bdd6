"""Seals logs as the worker of trees does, at once."""

from __future__ import annotations

from auditsaas.evidence.tree import checkpoints, growing, keys
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import scoped

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
