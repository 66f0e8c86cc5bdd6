"""Saved views: filters by name, private or shared with all readers of the workspace's log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base

ALL_MY_WORKSPACES = UUID(int=0)
"""In place of a workspace: views of the log over all of a person's workspaces."""


class SavedView(Base):
    __tablename__ = "saved_views"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    """The filter as a canonical query string."""
    shared: Mapped[bool] = mapped_column(default=False)
    is_default: Mapped[bool] = mapped_column(default=False)
    """Whether it is what its owner sees first."""
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
