"""Writes the proof of a file: its head, then a line for every number that it covers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.models import events
from auditsaas.events.reading import pages
from auditsaas.events.stored import stored_event
from auditsaas.evidence.bundles.lines import Matching, Part, ProofLines, Shown
from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.notes import base64
from auditsaas.evidence.tree import proofs
from auditsaas.evidence.tree.checked_proofs import NotAsSealed, key_steps, proof_under
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.witnesses import holders
from auditsaas.own_activities import Activity

FORMAT: Final = "auditsaas-proof-v1"

Progress = Callable[[int], None]


class Output(Protocol):
    def write(self, chunk: bytes, /) -> object: ...


@dataclass(frozen=True)
class Removal:
    """The newest removal by retention that is sealed: its event, its proof, and its cut."""

    cut: int
    proof: dict[str, Any]


def removal(session: Session, workspace_id: UUID, slug: str, sealed: Sealed) -> Removal | None:
    """Find the newest ``retention.apply`` of the product itself below the checkpoint."""
    found: UUID | None = session.scalar(
        select(events.c.id)
        .where(
            events.c.workspace_id == workspace_id,
            events.c.activity == Activity.RETENTION_APPLY.value,
            events.c.source == PRODUCT,
            events.c.seq <= sealed.size,
        )
        .order_by(events.c.id.desc())
        .limit(1)
    )
    row = pages.event(session, workspace_id, found) if found else None
    if row is None:
        return None
    event = stored_event(row, slug)
    cut = leaf.micros_of(datetime.fromisoformat(event["metadata"]["before"]))
    proof = proof_under(session, workspace_id, sealed, event).text
    return Removal(cut, {"event": event, "proof": proof})


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The proof of one part of a log, over a checkpoint that covers all of it."""

    session: Session
    sealed: Sealed
    part: Part
    removal: Removal | None
    matching: Matching
    slug: str

    def write(self, out: Output, sha256: str, progress: Progress) -> Shown:
        """Write the proof of a file with this digest; return what it shows.

        ``progress`` is told how many rows of the file are proven; it raises to stop.

        Raises:
            NotAsSealed: the log does not hold what was sealed.
        """
        part, sealed = self.part, self.sealed
        tree = Tree.of(self.session, part.workspace_id, sealed.size)
        outside = proofs.outside(tree, part.first, part.last)
        out.write(msgspec.json.encode(self._head(outside, sha256)) + b"\n")
        lines = ProofLines(self.session, tree, part, self.matching)

        def leaves() -> Iterator[bytes]:
            for written, hashes in lines.steps():
                out.write(written)
                progress(lines.shown.rows)
                yield from hashes

        found = merkle.folded(part.first - 1, part.last, sealed.size, leaves(), iter(outside))
        if found != sealed.root:
            raise NotAsSealed("The hashes of this log are not those that were signed.")
        return lines.shown

    def _head(self, outside: Sequence[bytes], sha256: str) -> dict[str, Any]:
        part = self.part
        note = holders.whole_note(self.session, part.workspace_id, self.sealed)
        head = {
            "format": FORMAT,
            "checkpoint": note,
            "first": part.first,
            "last": part.last,
            "query": part.question.query,
            "cut": part.cut,
            "sha256": sha256,
            "outside": list(map(base64, outside)),
        }
        if self.removal is not None:
            head["retention"] = self.removal.proof
        steps = key_steps(self.session, part.workspace_id, self.slug, note)
        return {**head, "keys": steps} if steps else head
