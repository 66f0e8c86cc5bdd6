"""Compares a tree with what was signed of it before: a log signs one history only.

A database that is brought back from an older backup knows nothing of what was signed since. The
folder of keys does, and so do witnesses; what they hold has to be in the tree, or nothing more is
signed.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.store import Tree, TreeDamaged
from auditsaas.evidence.witnesses import outside

BRING_BACK: Final = "Bring it back, or close this log and begin another: auditsaas tree begin-anew."


def contradiction(session: Session, workspace_id: UUID, ring: Keyring, origin: str) -> str | None:
    """Say why the tree is not the one that was signed; None where it is.

    Its sentences name the backup that is missing.
    """
    try:
        return (
            _stored(session, workspace_id, origin)
            or _in_folder(session, workspace_id, ring, origin)
            or outside.refusal(session, workspace_id)
        )
    except TreeDamaged as damage:
        return damaged(damage)


def damaged(damage: TreeDamaged) -> str:
    """Say in a sentence that the stored tree is not whole."""
    return f"The stored tree was changed: {damage}. Bring its tables back from a backup."


def _stored(session: Session, workspace_id: UUID, origin: str) -> str | None:
    """Compare the tree with the newest checkpoint in the database."""
    newest = checkpoints.newest(session, workspace_id)
    if newest is None or not newest.note.startswith(f"{origin}\n"):
        return None
    found = checkpoints.state(session, workspace_id)
    if newest.size > found.size:
        return (
            f"A checkpoint of {newest.size:,} events is stored, and the tree has {found.size:,}."
            " Bring its tables back from a backup."
        )
    if Tree.of(session, workspace_id, newest.size).root != newest.root:
        return (
            f"The stored tree was changed: it does not fold to the checkpoint of {newest.size:,}"
            f" events of {newest.at:%Y-%m-%d %H:%M} UTC. Bring its tables back from a backup."
        )
    return None


def _in_folder(session: Session, workspace_id: UUID, ring: Keyring, origin: str) -> str | None:
    """Compare the tree with what the folder of keys knows of it."""
    signed = ring.folder.signed(workspace_id, origin) if ring.folder else None
    if signed is None:
        return None
    held = (
        f"The folder of TREE_KEYS knows a checkpoint of {signed.size:,} events, signed on"
        f" {signed.at:%Y-%m-%d %H:%M} UTC"
    )
    size = checkpoints.state(session, workspace_id).size
    if signed.size > size:
        return (
            f"{held}, and the tree has {size:,}: the database was brought back from an older"
            f" backup. The one with the events to {signed.size:,} is missing. {BRING_BACK}"
        )
    if Tree.of(session, workspace_id, signed.size).root != signed.root:
        return (
            f"{held}, and the log has other events up to there: the database was brought back from"
            f" an older backup and went on. The one with those events is missing. {BRING_BACK}"
        )
    return None
