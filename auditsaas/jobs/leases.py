"""Leases on rows with fences: one worker at a time, for a limited time.

A claim raises the row's fence and takes a lease; everything the claimer writes afterwards carries
that fence, so a worker that lost the lease can change nothing. An unfinished row without a live
lease is waiting, whatever became of its message or its worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

LEASE = timedelta(seconds=30)
MESSAGE_GRACE = timedelta(seconds=10)
"""The time that a request's message may take before another one is sent."""

Model = TypeVar("Model")


class LostLease(Exception):
    """The work was cancelled, or another worker has taken it over."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The names of the columns that hold a table's leases."""

    fence: str = "fence"
    until: str = "lease_until"
    ended: str = "finished_at"
    started: str | None = "started_at"
    progress: str | None = None


@dataclass(frozen=True, kw_only=True)
class Leases(Generic[Model]):
    """The leases of one table.

    Its model has ``id``, ``state``, ``attempts``, ``created_at``, ``error`` and ``columns``.
    """

    model: type[Model]
    queued: str
    working: str
    failed: str
    columns: Columns = Columns()

    def waiting(self, platform: Session, *wanted: Any, limit: int = 500) -> Sequence[Row[Any]]:
        """Select ``id``, ``fence`` and these columns of the rows that have waited longest."""
        found: Select[Any] = select(self["id"], self.fence.label("fence"), *wanted)
        found = found.where(self.unfinished(), self._due < func.now())
        return platform.execute(found.order_by(self._due).limit(limit)).all()

    def take(self, session: Session, identity: UUID) -> Model | None:
        """Claim a waiting row; None where it is finished or another worker's."""
        names = self.columns
        values = {
            "state": self.working,
            "attempts": self["attempts"] + 1,
            names.fence: self.fence + 1,
            names.until: func.now() + LEASE,
        }
        if names.started:
            values[names.started] = func.now()
        if names.progress:
            values[names.progress] = 0
        free = or_(self.until.is_(None), self.until < func.now())
        taken = update(self.model).where(self["id"] == identity, self.unfinished(), free)
        returned = taken.values(values).returning(self.model)
        return session.scalars(
            returned, execution_options={"populate_existing": True}
        ).one_or_none()

    def held(self, session: Session, identity: UUID) -> Model | None:
        """Read a row that some worker holds; None where none does."""
        mine = self["id"] == identity, self["state"] == self.working
        return session.scalar(select(self.model).where(*mine))

    def renew(self, session: Session, identity: UUID, fence: int, **values: Any) -> bool:
        """Note progress and extend the lease; False where it was lost."""
        extended = {self.columns.until: func.now() + LEASE}
        return self._write(session, identity, fence, extended | values)

    def release(
        self, session: Session, identity: UUID, fence: int, delay: timedelta, **values: Any
    ) -> bool:
        """Give the row back, to be tried again after ``delay``; False where the lease was lost."""
        again = {"state": self.queued, self.columns.until: func.now() + delay}
        return self._write(session, identity, fence, again | values)

    def conclude(
        self, session: Session, identity: UUID, fence: int, state: str, **values: Any
    ) -> None:
        """Give the row its final state.

        Raises:
            LostLease: it is no longer this claim's to finish.
        """
        final = {"state": state, self.columns.until: None, self.columns.ended: func.now()}
        if not self._write(session, identity, fence, final | values):
            raise LostLease(str(identity))

    def unfinished(self) -> ColumnElement[bool]:
        found: ColumnElement[bool] = self["state"].in_(sorted({self.queued, self.working}))
        return found

    def abandoned(self) -> ColumnElement[bool]:
        """Build the condition: the row was begun, and its lease has run out."""
        return and_(self["state"] == self.working, self["attempts"] > 0, self.until < func.now())

    def __getitem__(self, name: str) -> Any:
        return getattr(self.model, name)

    @property
    def fence(self) -> Any:
        return self[self.columns.fence]

    @property
    def until(self) -> Any:
        return self[self.columns.until]

    @property
    def ended(self) -> Any:
        return self[self.columns.ended]

    @property
    def _due(self) -> Any:
        return func.coalesce(self.until, self["created_at"] + MESSAGE_GRACE)

    def _write(self, session: Session, identity: UUID, fence: int, values: dict[str, Any]) -> bool:
        mine = update(self.model).where(
            self["id"] == identity, self.fence == fence, self["state"] == self.working
        )
        return session.scalar(mine.values(values).returning(self["id"])) is not None
