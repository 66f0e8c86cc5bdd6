"""How the logs of an installation are sealed, counted across workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from auditsaas.events.models import log_heads
from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree.checkpoints import FORKED

LATE: Final = timedelta(minutes=1)
"""How long events may wait for their seal."""


@dataclass(frozen=True, kw_only=True)
class Seals:
    """The logs of the installation by how it is with their seals."""

    logs: int
    behind: int
    """Those that had events for longer than a minute and did not grow their tree in it."""
    forked: int
    differences: int
    """What checks found, in all logs, and nobody acknowledged."""
    oldest: datetime | None
    """When the tree that stands still for longest grew last, of those behind."""

    @property
    def fine(self) -> bool:
        return not (self.behind or self.forked or self.differences)

    @property
    def words(self) -> str:
        wrong = ((self.behind, "behind"), (self.forked, "forked"))
        said = [f"{count:,} {word}" for count, word in wrong if count]
        if self.differences:
            noun = "difference" if self.differences == 1 else "differences"
            said.append(f"{self.differences:,} {noun} not acknowledged")
        logs = "1 log" if self.logs == 1 else f"{self.logs:,} logs"
        return ", ".join([logs, *(said or ["all sealed"])])


def read(platform: Session, now: datetime) -> Seals:
    """Count them, by the sight of workers."""
    is_late = (
        (log_heads.c.seq > func.coalesce(tree_heads.c.size, 0))
        & (log_heads.c.last_received_at < now - LATE)
        & or_(tree_heads.c.grown_at.is_(None), tree_heads.c.grown_at < now - LATE)
    )
    is_forked = tree_heads.c.state == FORKED
    counted = (
        select(
            func.count().filter(log_heads.c.seq > 0).label("logs"),
            func.count().filter(is_late, is_forked.is_not(True)).label("behind"),
            func.count().filter(is_forked).label("forked"),
            func.min(tree_heads.c.grown_at).filter(is_late).label("oldest"),
        )
        .select_from(log_heads)
        .outerjoin(tree_heads, tree_heads.c.workspace_id == log_heads.c.workspace_id)
    )
    differences = select(func.count()).select_from(TreeFinding)
    found = platform.scalar(differences.where(TreeFinding.acknowledged_at.is_(None)))
    return Seals(**platform.execute(counted).one()._mapping, differences=found or 0)
