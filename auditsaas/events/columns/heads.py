"""Names the head of the blocks of a log, by which builders are kept apart and other logs told."""

from __future__ import annotations

from typing import Final

from sqlalchemy import literal

from auditsaas.events.columns.models import FORMAT, column_heads
from auditsaas.events.follower_head import FollowerHead

HEAD: Final = FollowerHead(
    table=column_heads,
    mark=column_heads.c.built_to,
    made_by=literal(FORMAT),
    begun_by=FORMAT,
)
