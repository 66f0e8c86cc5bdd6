"""Builds the proofs that are given out, and checks each: one that proves nothing is not given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.errors import Conflict
from auditsaas.evidence import erased
from auditsaas.evidence.erased import Kept
from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.merkle import ProofRefused
from auditsaas.evidence.format.notes import base64
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.tree import checkpoints, key_chain, keys, proofs
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.tree.store import Tree, TreeDamaged
from auditsaas.evidence.witnesses import holders

MARK_BYTES: Final = 2
"""Of each hash in a mark, by which a verifier finds the field that does not fit."""
AGAIN_AFTER: Final = 10
"""Seconds after which what is not sealed yet may be asked for again."""


class NotSealed(Conflict):
    """The thing asked for is below no checkpoint yet."""

    title = "Not sealed yet"


class NotAsSealed(Conflict):
    """The log stores something else than was sealed."""

    title = "Not as sealed"


@dataclass(frozen=True)
class Consistency:
    """The proof that a tree began as an older one, and the roots of both."""

    old: int
    old_root: bytes
    size: int
    root: bytes
    path: tuple[bytes, ...]


def sealed_head(session: Session, workspace_id: UUID) -> Sealed:
    """Return the newest checkpoint of a log.

    Raises:
        NotSealed: it has none.
    """
    sealed = checkpoints.newest(session, workspace_id)
    if sealed is None:
        raise NotSealed("No event of this log is sealed yet. Ask again in a moment.")
    return sealed


def event_proof(session: Session, workspace_id: UUID, event: Mapping[str, Any]) -> TlogProof:
    """Prove that an event, as the API gives it, is below a checkpoint of its log.

    It is the newest that counts as cosigned, where that covers the event, and else the newest.

    Raises:
        NotSealed: no checkpoint covers it yet.
        NotAsSealed: the event, or the tree, is not stored as it was when it was sealed.
    """
    sealed = sealed_head(session, workspace_id)
    if event["seq"] > sealed.size:
        raise NotSealed("The event is stored, and sealed within a minute. Ask again in a moment.")
    sealed = _cosigned(session, workspace_id, event["seq"]) or sealed
    return proof_under(session, workspace_id, sealed, event)


def proof_under(
    session: Session, workspace_id: UUID, sealed: Sealed, event: Mapping[str, Any]
) -> TlogProof:
    """Prove that an event, as the API gives it, is below this checkpoint of its log.

    Raises:
        NotAsSealed: the event, or the tree, is not stored as it was when it was sealed.
    """
    note = holders.whole_note(session, workspace_id, sealed)
    steps = key_steps(session, workspace_id, event["workspace"], note)
    with _as_sealed():
        proof = _below(session, workspace_id, replace(sealed, note=note), event)
    return replace(proof, extra={**proof.extra, "keys": steps}) if steps else proof


def key_steps(session: Session, workspace_id: UUID, slug: str, note: str) -> list[dict[str, Any]]:
    """Build what leads from each older key of a log to the newest that signed a note.

    Raises:
        NotAsSealed: the event of a change is not stored as it was when it was sealed.
    """
    with _as_sealed():
        return key_chain.steps(
            session, workspace_id, slug, note, partial(_below, session, workspace_id)
        )


def consistency(session: Session, workspace_id: UUID, old: int, size: int) -> Consistency:
    """Prove that the tree of ``size`` leaves began as the one of ``old``, 1 ≤ old ≤ size.

    Raises:
        NotAsSealed: the tree is not stored as it was when it was sealed.
    """
    with _as_sealed():
        tree = Tree.of(session, workspace_id, size)
        old_root = merkle.root(old, tree.node)
        path = proofs.consistency(tree, old)
        merkle.check_consistency(old, size, path, old_root, tree.root)
        for at, root in ((old, old_root), (size, tree.root)):
            known = checkpoints.at_size(session, workspace_id, at)
            if known is not None and known.root != root:
                raise ProofRefused("a checkpoint has another root")
        return Consistency(old, old_root, size, tree.root, tuple(path))


def _cosigned(session: Session, workspace_id: UUID, seq: int) -> Sealed | None:
    """Return the newest checkpoint that counts as cosigned, where it covers a number.

    One from before the newest key is not returned, for who holds that one could not check it.
    """
    cosigned = holders.cosigned(session, workspace_id)
    if cosigned is None or cosigned.size < seq:
        return None
    newest = keys.verifier_keys(session, workspace_id)[-1]
    if cosigned.size < newest.seq:
        return None
    return checkpoints.at_size(session, workspace_id, cosigned.size)


def _below(
    session: Session, workspace_id: UUID, sealed: Sealed, event: Mapping[str, Any]
) -> TlogProof:
    """Prove an event below a checkpoint; raise ProofRefused or TreeDamaged where it is not."""
    tree, seq = Tree(session, workspace_id, sealed.size), event["seq"]
    slots, shown = _slots(session, tree, event)
    held = leaf.preimage(leaf.micros_of(event["occurred_at"]), leaf.fields_hash(slots))
    hashed, path = leaf.leaf_hash(seq, held), proofs.inclusion(tree, seq)
    merkle.check_inclusion(seq - 1, sealed.size, hashed, path, sealed.root)
    mark = b"".join(one[:MARK_BYTES] for one in (hashed, *slots))
    return TlogProof(seq - 1, tuple(path), sealed.note, {**shown, "mark": base64(mark)})


def _slots(
    session: Session, tree: Tree, event: Mapping[str, Any]
) -> tuple[list[bytes], dict[str, Any]]:
    """Hash the slots of an event, and return what a verifier is to hash them with."""
    seq, parts = event["seq"], leaf.parts_of(event)
    seed = next(tree.seeds(seq, seq))
    if seed != erased.NO_SEED:
        return leaf.slot_hashes(parts, seed), {"seed": base64(seed)}
    kept = erased.kept_by_seq(session, tree.workspace_id, seq, seq).get(seq)
    if kept is None:
        raise ProofRefused("the seed of an event is gone, and nothing says that it was erased")
    return erased.slot_hashes(parts, kept), _salts(kept)


def _salts(kept: Kept) -> dict[str, Any]:
    hashes = {str(slot): base64(hashed) for slot, hashed in kept.hashes.items()}
    return {"salts": [base64(salt) for salt in kept.salts], "erased": hashes}


@contextmanager
def _as_sealed() -> Iterator[None]:
    """Refuse in words what does not fold to the root that was signed."""
    try:
        yield
    except (TreeDamaged, ProofRefused, ValueError):
        raise NotAsSealed(
            "What is stored of this event, or the hashes of its log, is not what was sealed."
            " Tell an operator, whose command `auditsaas tree check` finds what differs."
        ) from None
