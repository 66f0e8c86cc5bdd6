"""Presents the keys that sign a log's checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.models import tree_keys
from auditsaas.evidence.tree.keys import LogKey

IN_FOLDER: Final = "A file that only the sealing worker reads"
IN_DATABASE: Final = "The database, sealed by the installation’s secret"


@dataclass(frozen=True)
class ShownKey:
    vkey: str
    short: str
    """Its id and public half, without the log's name."""
    made_at: datetime
    retired_at: datetime | None
    kept_in: str
    """Where its secret is; nothing of one that signs no more."""


def present(session: Session, workspace_id: UUID, keys: Sequence[LogKey]) -> list[ShownKey]:
    """Present the keys of a log, the oldest first."""
    here = tree_keys.c.workspace_id == workspace_id, tree_keys.c.sealed.is_not(None)
    stored = frozenset(session.scalars(select(tree_keys.c.id).where(*here)))
    return [_shown(key, is_stored=key.id in stored) for key in keys]


def _shown(key: LogKey, *, is_stored: bool) -> ShownKey:
    vkey = str(key.verifier)
    kept_in = IN_DATABASE if is_stored else IN_FOLDER
    return ShownKey(
        vkey,
        vkey.partition("+")[2],
        key.made_at,
        key.retired_at,
        "" if key.retired_at else kept_in,
    )
