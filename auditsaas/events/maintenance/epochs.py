"""Epochs of a log's sequence: a restore from a backup begins another.

A backup ends before numbers that were given after it, and given again they name other events. So
the operator begins an epoch after a restore, and a reader that follows the log by another one is
told, with the number through which both hold the same events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

FIRST: Final = 0
"""The epoch of a log that was never restored."""

_BEGIN = text(
    """
    UPDATE log_heads SET epochs = epochs || jsonb_build_array(jsonb_build_array(
        greatest(CAST(extract(epoch FROM now()) AS bigint), 1 + CAST(epochs -> -1 ->> 0 AS bigint)),
        seq))
    WHERE workspace_id = :workspace RETURNING seq
    """
)


@dataclass(frozen=True)
class Epochs:
    """The epochs that a log began: when, in seconds since 1970, and its last number until then."""

    begun: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, stored: Sequence[Sequence[int]]) -> Epochs:
        return cls(tuple((began, seq) for began, seq in stored))

    @property
    def current(self) -> int:
        return self.begun[-1][0] if self.begun else FIRST

    def shared_through(self, epoch: int) -> int:
        """Return the number through which the log held the same events in an earlier epoch.

        It is 0 for an epoch that the backup does not know.
        """
        known = [FIRST, *(began for began, _ in self.begun)]
        if epoch not in known:
            return 0
        return min((seq for _, seq in self.begun[known.index(epoch) :]), default=0)


def begin(session: Session, workspace_id: UUID) -> int:
    """Begin an epoch of a log, as the tables' owner; return the last number until now."""
    last: int = session.execute(_BEGIN, {"workspace": workspace_id}).scalar_one()
    return last
