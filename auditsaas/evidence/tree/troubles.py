"""Tells of what is wrong with events as they are sealed, which never stops the tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.evidence.checking import told
from auditsaas.evidence.checking.finding import Finding, FindingKind
from auditsaas.evidence.tree.leaves import Leaves

NAMED: Final = 1000
"""The most findings of a step that are kept one by one."""


def tell(session: Session, workspace_id: UUID, made: Leaves, *, taken_in: int, brand: str) -> None:
    """Tell what was wrong with the events of these leaves.

    Numbers up to ``taken_in`` may be without an event: retention removed it before sealing began.
    """
    found = [
        *_missing([seq for seq in made.missing if seq > taken_in]),
        *_doubled(made.doubled),
        *_unreadable(made.unreadable.items()),
    ]
    if found:
        left_out = max(0, len(found) - NAMED)
        told.tell_all(session, workspace_id, found[:NAMED], left_out=left_out, brand=brand)


def _missing(numbers: Sequence[int]) -> Iterator[Finding]:
    """Name each run of numbers that follow one another."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        seqs = [seq for _, seq in run]
        first, last = seqs[0], seqs[-1]
        words = (
            f"Event {first:,} was gone before it was sealed"
            if first == last
            else f"Events {first:,} to {last:,} were gone before they were sealed"
        )
        yield Finding(kind=FindingKind.MISSING, words=words, seq=first, last_seq=last)


def _doubled(numbers: Sequence[int]) -> Iterator[Finding]:
    for seq in dict.fromkeys(numbers):
        words = f"Another event stands at the number {seq:,}"
        yield Finding(kind=FindingKind.INSERTED, words=words, seq=seq)


def _unreadable(found: Iterable[tuple[int, list[str]]]) -> Iterator[Finding]:
    for seq, names in found:
        fields = ", ".join(names)
        words = f"Event {seq:,} was changed before it was sealed: {fields} is not as written"
        unnamed = f"The product does not write such values as {fields} of this event has."
        yield Finding(kind=FindingKind.CHANGED, words=words, seq=seq, unnamed=unnamed)
