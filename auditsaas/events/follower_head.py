"""The head of what is kept of a log number by number: how far it is, and whether of this log.

A log that was brought back from a backup gives its numbers to other events. What was kept of its
other history is told by the epoch, by a mark beyond the log, or by the event at the mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Column, ColumnElement, Row, Select, Table, and_, cast, select
from sqlalchemy import func as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.events.models import events, log_heads

_EPOCH: Final[ColumnElement[int]] = sql.coalesce(
    cast(log_heads.c.epochs[-1][0].astext, BigInteger), 0
)


@dataclass(frozen=True, kw_only=True)
class FollowerHead:
    """The head of one follower (``following``): ``table`` has ``epoch`` and ``made_by`` as well."""

    table: Table
    mark: Column[Any]
    """The number up to which events are kept."""
    made_by: ColumnElement[int]
    """The way in which it is made now; what was made otherwise is made anew."""
    begun_by: int
    """What a new head has for it."""

    @property
    def of_this_log(self) -> ColumnElement[bool]:
        """Tell whether a row is of the log as it is, by that of ``log_heads`` beside it."""
        head = self.table.c
        return and_(
            self.mark <= log_heads.c.seq, head.epoch == _EPOCH, head.made_by == self.made_by
        )

    def lock(self, session: Session, workspace_id: UUID) -> None:
        """Keep builders from a log until the transaction ends, as the tables' owner.

        It is locked before the head of the log, for a builder reads the log while it holds this.
        """
        self._begin(session, workspace_id)
        session.execute(self._row(workspace_id).with_for_update(of=self.table))

    def locked(self, session: Session, workspace_id: UUID) -> Row[Any] | None:
        """Lock the head of what is to grow, and read the log's; None where it is taken.

        A head that is missing is made first, and committed.
        """
        found = self._row(workspace_id).with_for_update(of=self.table, skip_locked=True)
        row = session.execute(found).one_or_none()
        if row is None and self._begin(session, workspace_id):
            session.commit()
            row = session.execute(found).one_or_none()
        return row

    def _row(self, workspace_id: UUID) -> Select[Any]:
        log = (log_heads.c.seq, _EPOCH.label("log_epoch"), self.of_this_log.label("of_this_log"))
        own = self.table.c.workspace_id
        return (
            select(self.table, *log, self.made_by.label("made_by_now"))
            .join(log_heads, log_heads.c.workspace_id == own)
            .where(own == workspace_id)
        )

    def _begin(self, session: Session, workspace_id: UUID) -> bool:
        """Make the head of a log where there is none; tell whether this did."""
        made = insert(self.table).values(workspace_id=workspace_id, made_by=self.begun_by)
        begun = made.on_conflict_do_nothing().returning(self.table.c.workspace_id)
        return session.scalar(begun) is not None


def id_of(session: Session, workspace_id: UUID, seq: int) -> UUID | None:
    """Read the id of the event of a number; None where the log has none."""
    found: UUID | None = session.scalar(
        select(events.c.id).where(events.c.workspace_id == workspace_id, events.c.seq == seq)
    )
    return found
