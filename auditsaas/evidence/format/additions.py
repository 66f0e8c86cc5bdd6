"""The body of ``add-checkpoint`` (C2SP tlog-witness v1): an old size, a proof from it, a note."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditsaas.evidence.format import notes
from auditsaas.evidence.format.merkle import EMPTY, ProofRefused, check_consistency
from auditsaas.evidence.format.notes import Checkpoint, NoteRefused

MAX_PROOF: Final = 63
_OLD: Final = re.compile("old (0|[1-9][0-9]{0,18})")
SIZE: Final = re.compile("(0|[1-9][0-9]{0,18})\n?")


@dataclass(frozen=True)
class Addition:
    """A request for a cosignature: a checkpoint, and the proof that the log grew to it."""

    old: int
    """The size that the log takes the witness to hold."""
    proof: tuple[bytes, ...]
    note: str
    text: str
    """The note's text, without its signatures."""
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> Addition:
        """Read a request's body.

        Raises:
            NoteRefused: it is none.
        """
        try:
            asked, empty, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise NoteRefused("the request is not UTF-8") from None
        first, *lines = asked.split("\n")
        old = _OLD.fullmatch(first)
        if not old or not empty or len(lines) > MAX_PROOF:
            raise NoteRefused("the request does not begin with an old size and a proof")
        proof = tuple(notes.unbase64(line) for line in lines)
        if any(len(each) != 32 for each in proof) or int(old[1]) > notes.MAX_SIZE:
            raise NoteRefused("a proof has hashes of 32 bytes")
        text, _ = notes.split(note)
        return cls(int(old[1]), proof, note, text, Checkpoint.parse(text))

    def check_growth(self, held_root: bytes) -> None:
        """Check that the log grew from what the witness holds, of the size ``old``.

        Raises:
            ProofRefused: it did not, or does not show it.
        """
        size, root = self.checkpoint.size, self.checkpoint.root
        if size == 0 and root != EMPTY:
            raise ProofRefused("the root of an empty tree is another")
        if self.old == 0:
            if self.proof:
                raise ProofRefused("from an empty tree there is nothing to prove")
            return
        check_consistency(self.old, size, self.proof, held_root, root)


def body(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """Write the body by which a log asks a witness."""
    lines = [f"old {old}", *map(notes.base64, proof), "", note]
    return "\n".join(lines).encode()
