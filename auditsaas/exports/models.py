"""Export jobs. The row is the truth; a queue message only hints that one is waiting."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from urllib.parse import parse_qsl
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ForeignKey, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship
from werkzeug.datastructures import MultiDict

from auditsaas.accounts.models import User
from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange, dates
from auditsaas.events.filter.written import AsWritten, UserField
from auditsaas.evidence.bundles.question import provable
from auditsaas.extensions import Base
from auditsaas.workspaces.models import ApiKey


class ExportState(StrEnum):
    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


FINAL_STATES = frozenset(
    {ExportState.READY, ExportState.FAILED, ExportState.CANCELLED, ExportState.EXPIRED}
)


class Export(Base):
    """One file of the events that a filter matched when it was asked for.

    It may cover several workspaces, so it belongs to no single one: row-level security shows it
    to its requester, and to a scope that holds every workspace in it.
    """

    __tablename__ = "exports"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    workspace_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    requested_by_key: Mapped[UUID | None]
    """The API key that asked, where no person did."""
    through_platform: Mapped[bool] = mapped_column(default=False)
    """Asked for by a super-admin, and read through the platform pool."""
    format: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    """The filter as a canonical query string."""
    starts_at: Mapped[datetime | None] = mapped_column(Timestamp)
    ends_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """The filter's range as instants, fixed when it was asked for; ``ends_at`` is exclusive."""
    since: Mapped[dict[str, int] | None] = mapped_column(JSONB)
    """Workspace id → the ``seq`` after which events from before ``starts_at`` belong here too."""
    schedule_name: Mapped[str | None] = mapped_column(Text)
    """The name of the schedule that asked; None where a person or an application asked."""
    time_zone: Mapped[str] = mapped_column(Text)
    snapshot: Mapped[dict[str, int]] = mapped_column(JSONB)
    """Workspace id → the last ``seq`` that the file may hold."""

    columns: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """The columns that were chosen, in their order; None for all."""
    gzip: Mapped[bool] = mapped_column(default=False)
    proof: Mapped[bool] = mapped_column(default=False)
    """Whether a proof goes with the file; people are then meant as events name them."""
    proof_user: Mapped[UserField | None] = mapped_column(Text)
    """The field that the filter's user is compared with, where a proof can answer it."""

    state: Mapped[str] = mapped_column(Text, default=ExportState.QUEUED)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    """Rises with every claim; a worker that lost its lease can no longer write."""
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    attempts: Mapped[int] = mapped_column(default=0)
    rows_total: Mapped[int | None] = mapped_column(BigInteger)
    rows_done: Mapped[int] = mapped_column(BigInteger, default=0)
    file_key: Mapped[str | None] = mapped_column(Text)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(Text)
    bundle_key: Mapped[str | None] = mapped_column(Text)
    """The file, its proof and what checks them, in one archive."""
    bundle_bytes: Mapped[int | None] = mapped_column(BigInteger)
    bundle_sha256: Mapped[str | None] = mapped_column(Text)
    sealed_size: Mapped[int | None] = mapped_column(BigInteger)
    """The events below the checkpoint that the proof leads to; below the newest, while it waits."""
    error: Mapped[str | None] = mapped_column(Text)

    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    started_at: Mapped[datetime | None] = mapped_column(Timestamp)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
    expires_at: Mapped[datetime | None] = mapped_column(Timestamp)

    requester: Mapped[User | None] = relationship(lazy="joined")
    requesting_key: Mapped[ApiKey | None] = relationship(
        primaryjoin=lambda: foreign(Export.requested_by_key) == ApiKey.id, viewonly=True
    )

    @property
    def state_now(self) -> ExportState:
        """Return the state as shown: expired from its time on, even before the file is removed."""
        over = self.expires_at is not None and self.expires_at <= datetime.now(UTC)
        return ExportState.EXPIRED if over else ExportState(self.state)

    @cached_property
    def asked_filter(self) -> EventFilter:
        """Read the filter as it was chosen, a preset still being one; it never changes."""
        args, zone = MultiDict(parse_qsl(self.query)), ZoneInfo(self.time_zone)
        asked = EventFilter.from_args(args, zone=zone, now=self.created_at)
        return replace(asked, as_written=AsWritten(self.proof_user)) if self.proof else asked

    @property
    def pinned_filter(self) -> EventFilter:
        """Return the filter with the bounds that were fixed."""
        asked = provable(self.asked_filter) if self.proof else self.asked_filter
        return asked.with_period(self.period)

    @property
    def days(self) -> tuple[date | None, date | None]:
        """Return the first and the last day of the range, in the requester's zone."""
        return dates(self.period, ZoneInfo(self.time_zone))

    @property
    def waits_for_seal(self) -> bool:
        """Tell whether it is in line because its log is not sealed so far."""
        return self.state == ExportState.QUEUED and self.proof and self.sealed_size is not None

    @property
    def period(self) -> TimeRange:
        return TimeRange(self.starts_at, self.ends_at)

    @property
    def snapshot_seqs(self) -> dict[UUID, int]:
        return {UUID(key): seq for key, seq in self.snapshot.items()}

    @property
    def since_seqs(self) -> dict[UUID, int] | None:
        return None if self.since is None else {UUID(k): seq for k, seq in self.since.items()}

    @property
    def requester_name(self) -> str:
        """The person, or the application by the name of its key."""
        found = self.requester or self.requesting_key
        return found.name if found is not None else "An application"
