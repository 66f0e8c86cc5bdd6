"""The one link that sets an installation up."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base


class SetupLink(Base):
    """The link that makes the first super-admin; its token is kept only as its SHA-256."""

    __tablename__ = "setup_links"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, server_default=text("1"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
