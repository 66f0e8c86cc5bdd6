"""Verifies the blocks of columns of a log against its events, as they are within one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from auditsaas.events.columns import building
from auditsaas.events.columns.block import stored
from auditsaas.events.columns.heads import HEAD
from auditsaas.events.columns.models import BLOCK, column_heads, event_columns
from auditsaas.events.models import log_heads
from auditsaas.operations.verification.damage import Damage
from auditsaas.workspaces.models import NamedWorkspace

_TRUSTED: Final = select(HEAD.of_this_log).join(
    log_heads, log_heads.c.workspace_id == column_heads.c.workspace_id
)
SHOWN: Final = 5
"""So many of the differences are told one by one."""
KEPT: Final = ("events", "first_minute", "last_minute", "words", "counts", "numbers", "slices")


def differences(session: Session, workspace: NamedWorkspace) -> Iterator[Damage]:
    """Yield the blocks that are not what the events of their numbers make.

    Those that answer nothing, and are to be made anew, are passed over.
    """
    workspace_id = workspace.id
    if not session.scalar(_TRUSTED.where(column_heads.c.workspace_id == workspace_id)):
        return
    of_log = event_columns.c.workspace_id == workspace_id
    ends = select(event_columns.c.block, event_columns.c.last_seq).where(of_log).distinct()
    found = 0
    for row in session.execute(ends.order_by(event_columns.c.block)).all():
        there = select(event_columns).where(of_log, event_columns.c.block == row.block)
        kept = {one.field: _kept(one) for one in session.execute(there)}
        fields = sorted(_differing(kept, _made(session, workspace_id, row)))
        found += bool(fields)
        if fields and found <= SHOWN:
            first, last = row.block * BLOCK + 1, row.last_seq
            words = f"events {first:,} to {last:,} are kept with other values: {', '.join(fields)}"
            yield Damage("columns", words)
    if found:
        more = f"{found - SHOWN:,} more blocks differ; " if found > SHOWN else ""
        words = f"{more}make them anew: auditsaas db rebuild-columns {workspace.slug}"
        yield Damage("columns", words)


def _kept(row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[name] for name in KEPT)


def _made(session: Session, workspace_id: UUID, row: Row[Any, Any]) -> dict[str, tuple[Any, ...]]:
    block = building.block_of(session, workspace_id, row.block, row.last_seq)
    ends = {
        "events": block.events,
        "first_minute": block.first_minute,
        "last_minute": block.last_minute,
    }
    return {
        name: tuple((ends | known)[column] for column in KEPT)
        for name, known in stored(block).items()
    }


def _differing(kept: dict[str, tuple[Any, ...]], made: dict[str, tuple[Any, ...]]) -> Iterator[str]:
    return (name for name in kept.keys() | made.keys() if kept.get(name) != made.get(name))
