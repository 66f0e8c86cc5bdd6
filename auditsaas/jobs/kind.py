"""Kinds of background work, as data: the table, who may see a row, how a worker hears of one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from sqlalchemy import case, literal_column, select
from sqlalchemy.orm import Session

from auditsaas.db.tenancy import Scope
from auditsaas.jobs.leases import Leases, LostLease, NotYet, Turns
from config.celery import HEAVY_JOBS, LONG, QUICK, QUICK_TURNS

Model = TypeVar("Model")


_QUICK: Any = literal_column(f"'{QUICK}'")


@dataclass(frozen=True)
class Message:
    """A hint that a row is waiting; the row is the truth, and the sweeper hints again."""

    task: str
    row: UUID
    queue: str


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[Model]):
    """One kind of background work; a row of its table is one job."""

    name: str
    """In figures and logs, such as ``exports``."""
    title: str
    """Of one job, such as ``Export``."""
    task: str
    """The Celery task that works on a job, given its id."""
    leases: Leases[Model]
    scope_of: Callable[[Any], Scope]
    """The scope that a worker binds to touch a job, of a row with ``scope_columns``."""
    scope_columns: tuple[Any, ...]
    tenant: Any
    """The expression of a job's workspace, or of its person where it has none; they take turns."""
    queue_of: Callable[[Any], str] = lambda _: QUICK
    """The queue of a job, of a row with ``queue_columns``."""
    queue_columns: tuple[Any, ...] = ()
    queue: Any = _QUICK
    """The same as an expression."""
    max_attempts: int = 3
    delay: Callable[[int], timedelta] = lambda attempt: timedelta(seconds=5) * attempt
    """The pause after a failed attempt, counted from 1."""

    def message(self, row: Any) -> Message:
        """Build the message for a waiting job; to be sent after the commit."""
        return Message(self.task, row.id, self.queue_of(row))

    def waiting(self, platform: Session, heavy_jobs: int = HEAVY_JOBS) -> Sequence[Any]:
        """Select the jobs whose message is overdue: of each workspace those whose turn it is."""
        return self.leases.waiting(platform, self._turns(heavy_jobs), *self.queue_columns)

    def next_to(
        self, platform: Session, ended: UUID, heavy_jobs: int = HEAVY_JOBS
    ) -> Sequence[Any]:
        """Select the waiting jobs whose turn it is, of the workspace of one that has ended."""
        tenant = platform.scalar(select(self.tenant).where(self.leases["id"] == ended))
        turns = replace(self._turns(heavy_jobs), only=self.tenant == tenant)
        return self.leases.waiting(platform, turns, *self.queue_columns)

    def has_turn(
        self,
        platform: Session,
        identity: UUID,
        heavy_jobs: int = HEAVY_JOBS,
        behind: Collection[UUID] = (),
    ) -> bool:
        """Tell whether fewer other jobs of its workspace and queue are there than may be sent.

        Those ``behind`` it, which were asked for with it and are sent after it, do not count.
        """
        mine = select(self.tenant, self.queue).where(self.leases["id"] == identity)
        tenant, queue = platform.execute(mine).one_or_none() or (None, None)
        apart = self.leases["id"].not_in([identity, *behind])
        others = (self.tenant == tenant, self.queue == queue, apart)
        most = heavy_jobs if queue in LONG else QUICK_TURNS
        return self.leases.count_present(platform, *others, most=most) < most

    def _turns(self, heavy_jobs: int) -> Turns:
        most = case((self.queue.in_(LONG), heavy_jobs), else_=QUICK_TURNS)
        return Turns(among=(self.tenant, self.queue), most=most)

    def scope(self, platform: Session, identity: UUID) -> Scope | None:
        """Find the scope that a worker binds for a job, by the job's id."""
        wanted = select(*self.scope_columns).where(self.leases["id"] == identity)
        row = platform.execute(wanted).one_or_none()
        return None if row is None else self.scope_of(row)


@dataclass(frozen=True)
class Claim(Generic[Model]):
    """The right to work on a job for as long as its fence holds."""

    kind: Kind[Model]
    id: UUID
    fence: int
    attempt: int
    scope: Scope
    error: str | None
    """The error of the attempt before."""
    row: Model
    """The job as it was claimed, detached from any session."""

    @classmethod
    def take(cls, kind: Kind[Model], session: Session, identity: UUID) -> Self | None:
        """Claim a waiting job; None where it is finished or another worker's."""
        return cls._of(kind, session, kind.leases.take(session, identity))

    @classmethod
    def held(cls, kind: Kind[Model], session: Session, identity: UUID) -> Self | None:
        """Read the claim under which some process is working on a job now."""
        return cls._of(kind, session, kind.leases.held(session, identity))

    @classmethod
    def _of(cls, kind: Kind[Model], session: Session, row: Any) -> Self | None:
        if row is None:
            return None
        session.expunge(row)
        fence = getattr(row, kind.leases.columns.fence)
        return cls(kind, row.id, fence, row.attempts, kind.scope_of(row), row.error, row)

    def renew(self, session: Session, done: int, **values: Any) -> bool:
        """Note progress and extend the lease; False where it was lost."""
        progress = self.kind.leases.columns.progress
        noted = {progress: done} if progress else {}
        return self.kind.leases.renew(session, self.id, self.fence, **noted, **values)

    def release(self, session: Session, **values: Any) -> bool:
        """Give the job back, to be tried again later; False where the lease was lost."""
        delay = self.kind.delay(self.attempt)
        return self.kind.leases.release(session, self.id, self.fence, delay, **values)

    def put_off(self, session: Session, reason: NotYet) -> bool:
        """Give the job back, with the attempt that this was; False where the lease was lost."""
        kept = {"attempts": self.attempt - 1, **reason.noted}
        return self.kind.leases.release(session, self.id, self.fence, reason.after, **kept)

    def forfeit(self, session: Session, reason: str) -> bool:
        """Give the job back without a further attempt; False where the lease was lost."""
        spent = {"attempts": self.kind.max_attempts, "error": reason}
        return self.kind.leases.release(session, self.id, self.fence, timedelta(), **spent)

    def conclude(self, session: Session, state: str, **values: Any) -> None:
        """Give the job its final state.

        Raises:
            LostLease: it is no longer this claim's to finish.
        """
        self.kind.leases.conclude(session, self.id, self.fence, state, **values)

    def lost(self) -> LostLease:
        return LostLease(str(self))

    def __str__(self) -> str:
        return f"{self.kind.title} {self.id}"
