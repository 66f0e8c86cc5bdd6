"""Presents the keys that sign a log's checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from auditsaas.evidence.tree.keys import LogKey


@dataclass(frozen=True)
class ShownKey:
    vkey: str
    short: str
    """Its id and public half, without the log's name."""
    made_at: datetime
    retired_at: datetime | None


def present(key: LogKey) -> ShownKey:
    vkey = str(key.verifier)
    return ShownKey(vkey, vkey.partition("+")[2], key.made_at, key.retired_at)
