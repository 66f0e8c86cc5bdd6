"""Writes the lines of a proof: one for every number of its range, in their order.

Numbers are taken in steps, and nothing is held but those of one step. An event that is shown, whole
or in part, is first held against what was sealed: a proof that cannot hold is never written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.evidence.bundles.exclusion import Exclusion
from auditsaas.evidence.bundles.question import Question
from auditsaas.evidence.erased import NO_SEED, Kept, is_erased, kept_by_seq
from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.merkle import parent
from auditsaas.evidence.format.notes import base64
from auditsaas.evidence.tree import rows
from auditsaas.evidence.tree.checked_proofs import MARK_BYTES, NotAsSealed
from auditsaas.evidence.tree.rows import StoredValues
from auditsaas.evidence.tree.store import Tree

STEP: Final = 2_048
"""Numbers that are read at once."""

Matching = Callable[[int, int], Collection[int]]
"""Returns the numbers of first … last whose events are in the file."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a log in a file: numbers first … last, and what is asked of them."""

    workspace_id: UUID
    first: int
    last: int
    question: Question
    cut: int
    """The time in µs since 1970 before which retention removes events; 0 where it never did."""


@dataclass
class Shown:
    """Counts what a proof shows of its numbers."""

    rows: int = 0
    excluded: int = 0
    gone: int = 0
    unexplained: int = 0

    @property
    def numbers(self) -> int:
        return self.rows + self.excluded + self.gone + self.unexplained


@dataclass(frozen=True)
class _Sealed:
    """One number, as the tree keeps it."""

    seq: int
    time: int
    fields: bytes
    seed: bytes

    @property
    def leaf_hash(self) -> bytes:
        return leaf.leaf_hash(self.seq, leaf.preimage(self.time, self.fields))


@dataclass
class ProofLines:
    """The lines of one part, written step by step."""

    session: Session
    tree: Tree
    part: Part
    matching: Matching
    shown: Shown = field(default_factory=Shown)

    def __post_init__(self) -> None:
        self._exclusion = Exclusion.of(self.part.question.query)

    def steps(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """Yield the lines of some numbers at a time, and their leaf hashes.

        Raises:
            NotAsSealed: the log has another event than was sealed, or has one no more.
        """
        part, sealed = self.part, self._sealed()
        for first in range(part.first, part.last + 1, STEP):
            numbers = list(islice(sealed, min(STEP, part.last + 1 - first)))
            yield b"".join(self._step(numbers)), [one.leaf_hash for one in numbers]

    def _sealed(self) -> Iterator[_Sealed]:
        first, last = self.part.first, self.part.last
        numbers = range(first, last + 1)
        preimages, seeds = self.tree.preimages(first, last), self.tree.seeds(first, last)
        for seq, kept, seed in zip(numbers, preimages, seeds, strict=True):
            yield _Sealed(seq, *leaf.read_preimage(kept), seed)

    def _step(self, numbers: Sequence[_Sealed]) -> Iterable[bytes]:
        first, last = numbers[0].seq, numbers[-1].seq
        wanted = self.matching(first, last)
        asked = {one.seq for one in numbers if self._is_asked(one)}
        if not asked and not wanted:
            return map(self._by_time, numbers)
        here = self.part.workspace_id
        stored = {one.seq: one for one in rows.read(self.session, here, first, last)}
        erased = kept_by_seq(self.session, here, first, last)
        return [
            self._line(one, stored.get(one.seq), erased.get(one.seq), one.seq in wanted)
            if one.seq in asked or one.seq in wanted
            else self._by_time(one)
            for one in numbers
        ]

    def _is_asked(self, one: _Sealed) -> bool:
        """Tell whether more than its time is to be shown, at the least where the range begins."""
        opens = one.seq == self.part.first > 1 and self.part.question.first_moment is not None
        return opens or self.part.question.covers(one.time)

    def _line(
        self, one: _Sealed, event: StoredValues | None, erased: Kept | None, is_wanted: bool
    ) -> bytes:
        if event is None:
            return self._gone(one)
        if is_wanted:
            return self._row(one, event, erased)
        slot: int | None = leaf.RECEIVED_AT
        if self.part.question.covers(one.time):
            slot = self._exclusion.slot(event.values, erased.hashes if erased else ())
        if slot is None:
            self.shown.unexplained += 1
            return _hidden(one)
        self.shown.excluded += 1
        return self._opened(one, event, erased, slot)

    def _by_time(self, one: _Sealed) -> bytes:
        self.shown.excluded += 1
        return _hidden(one)

    def _gone(self, one: _Sealed) -> bytes:
        if not self.part.question.covers(one.time):
            return self._by_time(one)
        if one.time != leaf.NEVER_SEALED and one.time >= self.part.cut:
            raise NotAsSealed(
                f"Event {one.seq:,} was sealed and is not in the log any more, and no retention"
                " removed it. No proof is made; see Integrity."
            )
        self.shown.gone += 1
        return b'{"t":%d,"root":"%s","gone":1}\n' % (one.time, _coded(one.fields))

    def _row(self, one: _Sealed, event: StoredValues, erased: Kept | None) -> bytes:
        slots = self._slots(one, event, erased)
        mark = _coded(b"".join(hashed[:MARK_BYTES] for hashed in (one.leaf_hash, *slots)))
        self.shown.rows += 1
        if erased is None:
            return b'{"in":1,"seed":"%s","mark":"%s"}\n' % (_coded(one.seed), mark)
        salts = b",".join(b'"%s"' % _coded(salt) for salt in erased.salts)
        hashes = b",".join(b'"%d":"%s"' % (at, _coded(h)) for at, h in erased.hashes.items())
        return b'{"in":1,"salts":[%s],"erased":{%s},"mark":"%s"}\n' % (salts, hashes, mark)

    def _opened(self, one: _Sealed, event: StoredValues, erased: Kept | None, slot: int) -> bytes:
        slots = self._slots(one, event, erased)
        salt = (erased.salts if erased else leaf.salts_of(one.seed))[slot]
        value = event.values[slot][1:] or b"null"
        path = b",".join(b'"%s"' % _coded(hashed) for hashed in beside(slots, slot))
        opened = b'[%d,"%s",%s]' % (slot, _coded(salt), value)
        return b'{"t":%d,"open":%s,"path":[%s]}\n' % (one.time, opened, path)

    def _slots(self, one: _Sealed, event: StoredValues, erased: Kept | None) -> list[bytes]:
        """Hash the slots of an event, and hold them against what was sealed of it."""
        slots = _erased_slots(event, erased) if erased else rows.slot_hashes(event.values, one.seed)
        as_sealed = leaf.fields_hash(slots) == one.fields and event.occurred_at == one.time
        if not as_sealed or (erased is None and one.seed == NO_SEED):
            raise NotAsSealed(
                f"Event {one.seq:,} is not what was sealed. No proof is made; see Integrity."
            )
        return slots


def beside(slots: Sequence[bytes], slot: int) -> list[bytes]:
    """Return the subtrees beside a slot, from the left."""
    left: list[bytes] = []
    right: list[bytes] = []
    level = list(slots)
    while len(level) > 1:
        (left if slot & 1 else right).append(level[slot ^ 1])
        level = [parent(*level[at : at + 2]) for at in range(0, len(level), 2)]
        slot >>= 1
    return left[::-1] + right


def _erased_slots(event: StoredValues, erased: Kept) -> list[bytes]:
    """Hash the slots of an erased event; those that are not as an erasure leaves them fit none."""
    return [
        erased.hashes[at]
        if at in erased.hashes and is_erased(at, json.loads(value[1:] or b"null"))
        else hashlib.sha256(b"\0" + erased.salts[at] + bytes((at,)) + value).digest()
        for at, value in enumerate(event.values)
    ]


def _hidden(one: _Sealed) -> bytes:
    return b'{"t":%d,"root":"%s"}\n' % (one.time, _coded(one.fields))


def _coded(data: bytes) -> bytes:
    return base64(data).encode()
