"""Workspaces (the tenants), who belongs to them, and the keys their applications use."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from auditsaas.accounts.models import User
from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.events.filter.reader import ALL_TIME
from auditsaas.extensions import Base


class ReadRecording(StrEnum):
    """Ways of recording reads of a workspace's log in it."""

    OFF = "off"
    HOURLY = "hourly"
    EVERY = "every"


class NamedWorkspace(Protocol):
    """Identifies a workspace to a reader: a row of it, or what a query selected."""

    @property
    def id(self) -> UUID: ...
    @property
    def slug(self) -> str: ...
    @property
    def name(self) -> str: ...


class Workspace(Base):
    __tablename__ = "workspaces"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    time_zone: Mapped[str] = mapped_column(Text, default="UTC")
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    retention_days: Mapped[int | None] = mapped_column()
    """Events older than this go; None keeps them for ever."""
    export_days: Mapped[int] = mapped_column(default=7)
    """The retention of an export's file."""
    require_second_factor: Mapped[bool] = mapped_column(default=False)
    legal_hold: Mapped[bool] = mapped_column(default=False)
    """Nothing goes, whatever ``retention_days`` says."""
    confirm_downloads: Mapped[bool] = mapped_column(default=False)
    """People are asked again who they are before they download a large export."""
    two_admins: Mapped[bool] = mapped_column(default=False)
    """What cannot be undone needs the approval of another admin, besides its delay."""
    read_recording: Mapped[str] = mapped_column(Text, default=ReadRecording.HOURLY)
    """How reads of the log are recorded in it: one of ``ReadRecording``."""
    asks_first: Mapped[bool] = mapped_column(default=False)
    """Super-admins look into it only once an admin has approved, or two of them opened it."""
    public_tree: Mapped[bool] = mapped_column(default=False)
    """Checkpoints and hashes of its log are given to everybody, without a key."""
    default_period: Mapped[str] = mapped_column(Text, default=ALL_TIME)
    """The period that its log opens with: a key of ``opening.OPENING``."""
    quotas: Mapped[dict[str, int]] = mapped_column(JSONB, server_default=text("'{}'"))
    """Quotas of its own, by name, which an operator sets; the others are the installation's."""
    suspended_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """Since when members and keys are refused, by a super-admin's word."""

    first_steps: Mapped[bool] = mapped_column(default=False)
    """Its admins are shown what is left to do first, until all is done or one of them hides it."""

    @property
    def kept_days(self) -> int | None:
        """The number of days that events are kept; None where none is removed."""
        return None if self.legal_hold else self.retention_days

    @property
    def keeps(self) -> str:
        """`this workspace keeps (30 days)`."""
        days = self.retention_days
        return f"this workspace keeps ({days:,} {'day' if days == 1 else 'days'})"


class FormerSlug(Base):
    """An address that a workspace had, which leads to the one it has now."""

    __tablename__ = "former_slugs"

    slug: Mapped[str] = mapped_column(Text, primary_key=True)
    tenant: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
    reserved_until: Mapped[datetime] = mapped_column(
        Timestamp, server_default=text("now() + interval '90 days'")
    )
    """Afterwards another workspace may take it; until one does, it leads here."""


class Membership(Base):
    __tablename__ = "memberships"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Text)
    disabled_at: Mapped[datetime | None] = mapped_column(Timestamp)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    admin_since: Mapped[datetime | None] = mapped_column(Timestamp)
    """When the person was made an admin; None also where that was before it was kept."""

    workspace: Mapped[Workspace] = relationship(lazy="joined")
    user: Mapped[User] = relationship(lazy="joined")


class ApiKey(Base):
    """An API key; its secret is stored only as a hash."""

    __tablename__ = "api_keys"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    public_id: Mapped[str] = mapped_column(Text)
    """The part of the key that may be shown, and by which it is found."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the whole key."""
    name: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime | None] = mapped_column(Timestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_used_at: Mapped[datetime | None] = mapped_column(Timestamp)
    allowed_networks: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    """Networks the key may be used from, in CIDR notation; none means anywhere."""


class ApiKeyLookup(Base):
    """From a key's public id to its workspace, so that row-level security can then be bound."""

    __tablename__ = "api_key_lookups"

    public_id: Mapped[str] = mapped_column(Text, primary_key=True)
    tenant: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))


class Invitation(Base):
    """A person asked by e-mail to join; the link's token is kept only as its SHA-256."""

    __tablename__ = "invitations"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
    accepted_at: Mapped[datetime | None] = mapped_column(Timestamp)
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(Timestamp)


class InvitationLookup(Base):
    """From a link's token to its workspace, so that row-level security can then be bound."""

    __tablename__ = "invitation_lookups"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    tenant: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"))
