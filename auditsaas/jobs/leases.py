"""Who may work on a row, and for how long; shared by everything that workers do.

A claim raises the row's fence and takes a lease; everything the claimer writes afterwards carries
that fence, so whoever lost the lease can change nothing. An unfinished row without a live lease
is waiting, whatever became of its message or its worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, or_, select, update
from sqlalchemy.orm import Session

LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 3
RETRY_DELAY = timedelta(seconds=5)
MESSAGE_GRACE = timedelta(seconds=10)
"""How long the message that was sent with the request may take before another one is."""


class LostLease(Exception):
    """The work was cancelled, or another worker has taken it over."""


@dataclass(frozen=True)
class Leases:
    """The leases of one table.

    Its model has ``id``, ``state``, ``fence``, ``lease_until``, ``attempts``, ``created_at``,
    ``started_at`` and ``finished_at``.
    """

    model: Any
    queued: str
    working: str

    def waiting(self, platform: Session, *columns: Any, limit: int = 500) -> Sequence[Row[Any]]:
        """These columns of the oldest rows, of all workspaces, that nobody works on."""
        model = self.model
        since = func.coalesce(model.lease_until, model.created_at + MESSAGE_GRACE)
        found: Select[Any] = select(*columns).where(self.unfinished(), since < func.now())
        return platform.execute(found.order_by(model.created_at).limit(limit)).all()

    def take(self, session: Session, identity: UUID, **values: Any) -> Any | None:
        """A waiting row, now this caller's; None where it is finished or another's."""
        model = self.model
        taken = (
            update(model)
            .where(
                model.id == identity,
                self.unfinished(),
                or_(model.lease_until.is_(None), model.lease_until < func.now()),
            )
            .values(
                state=self.working,
                fence=model.fence + 1,
                attempts=model.attempts + 1,
                lease_until=func.now() + LEASE,
                started_at=func.now(),
                **values,
            )
            .returning(model)
            .execution_options(populate_existing=True)
        )
        return session.scalars(taken).one_or_none()

    def renew(self, session: Session, identity: UUID, fence: int, **values: Any) -> bool:
        """Note progress and extend the lease; False where it was lost."""
        return self._held(session, identity, fence, lease_until=func.now() + LEASE, **values)

    def release(self, session: Session, identity: UUID, fence: int, delay: timedelta) -> bool:
        """Give the row back, to be tried again after ``delay``; False where the lease was lost."""
        return self._held(
            session, identity, fence, state=self.queued, lease_until=func.now() + delay
        )

    def conclude(
        self, session: Session, identity: UUID, fence: int, state: str, **values: Any
    ) -> None:
        """Give the row its final state.

        Raises:
            LostLease: it is no longer this claim's to finish.
        """
        final = {"state": state, "lease_until": None, "finished_at": func.now(), **values}
        if not self._held(session, identity, fence, **final):
            raise LostLease(str(identity))

    def unfinished(self) -> ColumnElement[bool]:
        found: ColumnElement[bool] = self.model.state.in_((self.queued, self.working))
        return found

    def _held(self, session: Session, identity: UUID, fence: int, **values: Any) -> bool:
        model = self.model
        mine = update(model).where(
            model.id == identity, model.fence == fence, model.state == self.working
        )
        return session.scalar(mine.values(**values).returning(model.id)) is not None
