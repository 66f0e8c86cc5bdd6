"""Counts, across workspaces, how the logs of an installation are sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, func, or_, select
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import log_heads
from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import FORKED

LATE: Final = timedelta(minutes=1)
"""How long events may wait for their seal."""
LOOKED_AT: Final = 5


@dataclass(frozen=True, kw_only=True)
class Seals:
    """The logs of the installation by how it is with their seals."""

    logs: int
    behind: int
    """Those that had events for longer than a minute and did not grow their tree in it."""
    forked: int
    differences: int
    """Findings of checks, in all logs, that are not acknowledged."""
    events_behind: int
    """Events that are in no tree yet."""
    events_sealed: int
    """Events below a checkpoint."""
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


_BEHIND: Final = func.greatest(log_heads.c.seq - func.coalesce(tree_heads.c.size, 0), 0)


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
            func.coalesce(func.sum(_BEHIND), 0).label("events_behind"),
            func.coalesce(func.sum(tree_heads.c.sealed_size), 0).label("events_sealed"),
            func.min(tree_heads.c.grown_at).filter(is_late).label("oldest"),
        )
        .select_from(log_heads)
        .outerjoin(tree_heads, tree_heads.c.workspace_id == log_heads.c.workspace_id)
    )
    differences = select(func.count()).select_from(TreeFinding)
    found = platform.scalar(differences.where(TreeFinding.acknowledged_at.is_(None)))
    return Seals(**platform.execute(counted).one()._mapping, differences=found or 0)


def longest_lag(platform: Session, engine: Engine, now: datetime) -> timedelta:
    """Return for how long an event has waited at most to be sealed.

    Of the logs behind, those whose trees stand still for longest are looked at, in scopes of their
    own.
    """
    since = [_lag_since(engine, workspace_id) for workspace_id in behind(platform)]
    return max((now - at for at in since if at is not None), default=timedelta())


def behind(platform: Session, most: int = LOOKED_AT) -> Sequence[UUID]:
    """Select the logs behind whose trees stand still for longest; not those being taken in."""
    head = tree_heads.c
    found = (
        select(log_heads.c.workspace_id)
        .outerjoin(tree_heads, head.workspace_id == log_heads.c.workspace_id)
        .where(_BEHIND > 0, or_(head.size.is_(None), head.size >= func.coalesce(head.taken_in, 0)))
        .order_by(head.grown_at.nulls_first())
        .limit(most)
    )
    return platform.scalars(found).all()


def _lag_since(engine: Engine, workspace_id: UUID) -> datetime | None:
    with tenancy.bind(Scope.of(workspace_id), Session(engine)) as session:
        return checkpoints.state(session, workspace_id).lag_since
