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

from sqlalchemy import ColumnElement, Row, and_, false, func, or_, select, update
from sqlalchemy.orm import Session

LEASE = timedelta(seconds=30)
MESSAGE_GRACE = timedelta(seconds=10)
"""The time that a request's message may take before another one is sent."""

Model = TypeVar("Model")


class LostLease(Exception):
    """The work was cancelled, or another worker has taken it over."""


class NotYet(Exception):
    """Work that cannot begin yet: its row is given back, and no attempt is used up.

    It is free again ``after`` a while; ``noted`` are values kept with it until then.
    """

    def __init__(self, reason: str, after: timedelta = timedelta(), **noted: Any) -> None:
        super().__init__(reason)
        self.after = after
        self.noted = noted


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The names of the columns that hold a table's leases."""

    fence: str = "fence"
    until: str = "lease_until"
    ended: str = "finished_at"
    started: str | None = "started_at"
    progress: str | None = None


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Limits the rows of each group that are under way or sent; ``only`` chooses one group."""

    among: tuple[Any, ...]
    most: ColumnElement[int]
    only: ColumnElement[bool] | None = None


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

    def waiting(
        self, platform: Session, turns: Turns, *wanted: Any, limit: int = 500
    ) -> Sequence[Row[Any]]:
        """Select ``id``, ``fence`` and these columns of the waiting rows whose turn it is.

        Those of one group take turns: the ones under way first, then the oldest. The first of every
        group stand before the second of any.
        """
        place = func.row_number().over(
            partition_by=turns.among,
            order_by=(self.running().desc(), self["created_at"], self["id"]),
        )
        present = select(
            self["id"],
            self.fence.label("fence"),
            self._due.label("due"),
            self.running().label("running"),
            place.label("place"),
            turns.most.label("most"),
            *wanted,
        ).where(self.unfinished(), or_(self._free, self.running()))
        if turns.only is not None:
            present = present.where(turns.only)
        ranked = present.subquery()
        found = select(ranked).where(~ranked.c.running, ranked.c.place <= ranked.c.most)
        if turns.only is None:
            found = found.where(ranked.c.due < func.now())
        return platform.execute(found.order_by(ranked.c.place, ranked.c.due).limit(limit)).all()

    def count_present(self, platform: Session, *which: ColumnElement[bool], most: int) -> int:
        """Count the rows that are under way or wait, as far as ``most``."""
        present = select(self["id"]).where(
            self.unfinished(), or_(self._free, self.running()), *which
        )
        counted = select(func.count()).select_from(present.limit(most).subquery())
        return platform.scalar(counted) or 0

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
        taken = update(self.model).where(self["id"] == identity, self.unfinished(), self._free)
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

    def running(self) -> ColumnElement[bool]:
        """Build the condition: a worker holds the row, as far as its state tells."""
        if self.queued == self.working:
            return false()
        return and_(self["state"] == self.working, self.until >= func.now())

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
    def _free(self) -> ColumnElement[bool]:
        return or_(self.until.is_(None), self.until < func.now())

    @property
    def _due(self) -> Any:
        return func.coalesce(self.until, self["created_at"] + MESSAGE_GRACE)

    def _write(self, session: Session, identity: UUID, fence: int, values: dict[str, Any]) -> bool:
        mine = update(self.model).where(
            self["id"] == identity, self.fence == fence, self["state"] == self.working
        )
        return session.scalar(mine.values(values).returning(self["id"])) is not None
