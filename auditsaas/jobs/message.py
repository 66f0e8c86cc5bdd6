"""A message to the workers as data: an engine names it, a page or task sends it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from config.celery import QUICK


@dataclass(frozen=True)
class Message:
    """A hint that a row is waiting; the row is the truth, and the sweeper hints again."""

    task: str
    row: UUID
    queue: str = QUICK
