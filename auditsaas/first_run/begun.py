"""Tells whether a log has begun: whether anything but the product itself is in it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.models import events
from auditsaas.reads.reading import TELLS_NO_EVENT

MOST_REMEMBERED: Final = 100_000

_begun: set[UUID] = set()
"""Logs that have begun, which asks nothing of them again in this process."""


def has_begun(session: Session, workspace_id: UUID) -> bool:
    """Tell whether an application or a file gave the log an event; its scope must be bound.

    Events of before sources were recorded count too.
    """
    if workspace_id in _begun:
        return True
    given = select(events.c.id).where(
        events.c.workspace_id == workspace_id, events.c.source.is_distinct_from(PRODUCT)
    )
    asked = select(exists(given)).execution_options(**{TELLS_NO_EVENT: True})
    begun = bool(session.scalar(asked))
    if begun and len(_begun) < MOST_REMEMBERED:
        _begun.add(workspace_id)
    return begun
