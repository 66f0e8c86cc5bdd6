"""Appends counted reads to the logs that were read: once each, when their hour is over or idle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.schema import ActorInput, EventInput
from auditsaas.events.writing.append import MAX_BATCH, append
from auditsaas.events.writing.sql import LOCK_HEAD
from auditsaas.own_activities import Activity
from auditsaas.reads.models import log_reads
from auditsaas.reads.reading import MOST_ADDRESSES, metadata_of, targets_of

IDLE: Final = text("interval '15 minutes'")
"""How long after its last page a read is appended, though its hour goes on."""


def due(platform: Session) -> Sequence[UUID]:
    """Select the workspaces that have reads to be appended, through the platform pool."""
    return platform.scalars(select(log_reads.c.workspace_id).where(_is_due()).distinct()).all()


def flush(session: Session, workspace_id: UUID) -> int:
    """Append a workspace's due reads, at most a batch, and forget them; return how many.

    The log's head is locked first: a page that counts a read waits for a row of this table, which
    must not be held while this waits for other appends.
    """
    tenancy.bind(Scope.of(workspace_id), session)
    session.execute(LOCK_HEAD, {"workspace": workspace_id})
    here = log_reads.c.workspace_id == workspace_id
    key = tuple_(log_reads.c.hour, log_reads.c.reader, log_reads.c.query_hash)
    chosen = select(*key.clauses).where(here, _is_due()).order_by(log_reads.c.hour).limit(MAX_BATCH)
    taken = delete(log_reads).where(here, key.in_(chosen)).returning(log_reads)
    rows = session.execute(taken).all()
    append(session, workspace_id, [_event(row) for row in rows], source=PRODUCT)
    return len(rows)


def _is_due() -> ColumnElement[bool]:
    # Not older hours alone: a clock that was set back leaves rows of hours to come.
    over = log_reads.c.hour != func.date_trunc("hour", func.now(), "UTC")
    return or_(over, log_reads.c.last_at < func.now() - IDLE)


def _event(row: Row[Any]) -> EventInput:
    """Build the event of a read; its key is the row's, so that it is stored once."""
    metadata = metadata_of(
        query=row.query, pages=row.pages, rows=row.rows, parts=row.parts, opened=row.opened
    )
    metadata["first_page_at"] = row.first_at.isoformat()
    metadata["last_page_at"] = row.last_at.isoformat()
    if len(row.addresses) > 1:
        metadata["addresses"] = row.addresses[:MOST_ADDRESSES]
    if len(row.addresses) > MOST_ADDRESSES:
        metadata["more_addresses"] = True
    return EventInput(
        activity=Activity.LOG_READ.value,
        status="success",
        actor=ActorInput(id=row.reader, name=row.name, email=row.email, role=row.role),
        occurred_at=row.first_at,
        idempotency_key=f"log.read {row.id}",
        ip=next(iter(row.addresses), None),
        targets=targets_of(row.opened) or None,
        metadata=metadata,
    )
