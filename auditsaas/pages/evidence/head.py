"""Reads how far a log is sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.tree.keys import LogKey, verifier_keys
from auditsaas.workspaces.models import Workspace

LATE: Final = timedelta(seconds=60)
"""How far a seal may be behind."""


@dataclass(frozen=True)
class Closing:
    """The end of a log that an operator closed, to begin this one over the same events."""

    at: datetime
    reason: str
    size: int
    """How many of its events were signed."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """The signed head of a log beside the log itself."""

    log_seq: int
    """The newest number of the log."""
    grown: int
    """How many events the tree has, signed or not."""
    taken_in: int
    """The newest number that was there when sealing began."""
    signed: Sealed | None
    lag_since: datetime | None
    forked_for: str | None
    """Why nothing more is signed."""
    log_began_at: datetime
    keys: tuple[LogKey, ...]
    closings: tuple[Closing, ...] = ()

    @property
    def size(self) -> int:
        """The number of events under the newest signature."""
        return self.signed.size if self.signed else 0

    @property
    def behind(self) -> int:
        return max(0, self.log_seq - self.size)

    @property
    def began_at(self) -> datetime | None:
        return self.keys[0].made_at if self.keys else None

    @property
    def sealed_until(self) -> datetime | None:
        """When what is sealed was all there was."""
        if self.signed is None:
            return None
        behind_since = self.lag_since if self.behind else None
        return min(self.signed.at, behind_since or self.signed.at)

    @property
    def is_older_than_sealing(self) -> bool:
        """Whether the log was there for longer than the first seal takes."""
        return self.began_at is not None and self.began_at - self.log_began_at > LATE

    @property
    def is_taken_in(self) -> bool:
        """Whether what was there before sealing began is sealed by now."""
        return self.size >= self.taken_in


def read(session: Session, workspace: Workspace) -> Head:
    """Read the head of a workspace's log."""
    workspace_id = workspace.id
    found = checkpoints.state(session, workspace_id)
    return Head(
        log_seq=found.log_seq,
        grown=found.size,
        taken_in=found.taken_in or 0,
        signed=checkpoints.newest(session, workspace_id),
        lag_since=found.lag_since,
        forked_for=found.reason if found.state == "forked" else None,
        log_began_at=workspace.created_at,
        keys=tuple(verifier_keys(session, workspace_id)),
        closings=_closings(session, workspace_id),
    )


def _closings(session: Session, workspace_id: UUID) -> tuple[Closing, ...]:
    kept = select(tree_heads.c.closed).where(tree_heads.c.workspace_id == workspace_id)
    return tuple(
        Closing(datetime.fromisoformat(one["at"]), one["reason"], one.get("size", 0))
        for one in session.scalar(kept) or ()
        if one.get("at")
    )
