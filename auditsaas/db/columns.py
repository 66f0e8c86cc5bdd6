"""Column types that tables of every feature share."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import TIMESTAMP

Timestamp = TIMESTAMP(timezone=True)
