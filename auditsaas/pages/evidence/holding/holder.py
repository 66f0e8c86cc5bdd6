"""Presents a holder of what was sealed, outside of this installation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from auditsaas.pages.evidence.holding.lanes import Mark


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A row: who it is, how far it holds the log, and how it is with it."""

    name: str
    tags: Sequence[str]
    where: str
    size: int
    at: datetime | None
    state: str
    """`holds`, `behind`, `silent`, `waits` or `disagrees`."""
    word: str = "Agrees"
    """What a holder that holds a checkpoint did."""
    is_witness: bool = True
    silent_since: datetime | None
    error: str
    lane: Sequence[Mark]
    taken: int
    """How many checkpoints it took in the last 24 hours."""
