"""The receipt of an anchor, or its failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditsaas.evidence.format.notes import Checkpoint


@dataclass(frozen=True)
class Receipt:
    """The bytes that show an anchor, and when it was made by its own clock."""

    data: bytes
    at: datetime


@dataclass(frozen=True)
class Later:
    """A checkpoint at an anchor that this log does not know, signed by the log's own key."""

    checkpoint: Checkpoint
    note: str


class AnchorFailed(Exception):
    """A checkpoint was not anchored; ``str()`` is a sentence."""

    def __init__(self, sentence: str, later: Later | None = None) -> None:
        super().__init__(sentence)
        self.later = later
