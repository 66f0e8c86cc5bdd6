"""Changes the key of a log so that a verifier of the old one can follow.

The event of the change carries the new key, and both sign from then on. The old one signs until
that event is below a checkpoint that a witness holds, or for a day under checkpoints of both; then
its secret is destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.evidence.format.notes import VerifierKey
from auditsaas.evidence.models import checkpoints
from auditsaas.evidence.tree import keys
from auditsaas.evidence.tree.keys import Keyring, NewKey, Signer
from auditsaas.evidence.witnesses import outside
from auditsaas.own_actions import Operator
from auditsaas.own_activities import Activity

BOTH_FOR: Final = timedelta(hours=24)
"""How long both keys sign where no witness holds the change."""


def rotate(session: Session, workspace_id: UUID, ring: Keyring, by: Operator) -> VerifierKey:
    """Make another key of the same log, and record it there; the caller commits.

    Raises:
        LookupError: the log has no key yet.
    """
    origin = keys.current_origin(session, workspace_id)
    if origin is None:
        raise LookupError("The log has no key yet: it gets one with its first event.")
    made = NewKey.named(origin)
    own_actions.record(
        session,
        Activity.TREE_KEY_ROTATE,
        workspaces=[workspace_id],
        actor=by.actor,
        metadata={**by.metadata, "key": str(made.key.verifier)},
    )
    made.keep(session, workspace_id, ring)
    return made.key.verifier


def retire_older(session: Session, workspace_id: UUID, signers: Sequence[Signer]) -> None:
    """Let the keys before the newest sign no more, once others can follow to that one."""
    *older, newest = signers
    if older and _is_followed(session, workspace_id, newest.seq):
        for signer in older:
            keys.retire(session, workspace_id, signer.id)


def destroy_retired(session: Session, workspace_id: UUID, ring: Keyring) -> None:
    """Remove the files of keys that sign no more; only after the commit that says so."""
    if ring.folder is None:
        return
    for key in keys.verifier_keys(session, workspace_id):
        if key.retired_at is not None:
            ring.folder.destroy(workspace_id, key.id)


def _is_followed(session: Session, workspace_id: UUID, seq: int) -> bool:
    """Tell whether the event of a key's making is below a checkpoint that lasts."""
    if any(head.size >= seq for head in outside.known(session, workspace_id)):
        return True
    covered = select(checkpoints.c.size).where(
        checkpoints.c.workspace_id == workspace_id,
        checkpoints.c.size >= seq,
        checkpoints.c.at < func.now() - BOTH_FOR,
    )
    return session.scalar(covered.limit(1)) is not None
