"""The answers of the API as types: they are encoded from these, and described by them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from auditsaas.errors import FieldError
from auditsaas.events.schema import EventInput, TargetInput
from auditsaas.exports.formats import FORMATS

Text = Annotated[str, Meta(min_length=1)]
Seq = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Hash = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{43}=$")]
"""32 bytes in base64."""
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Batch(Struct, forbid_unknown_fields=True):
    """Up to 1,000 events; each is accepted or refused by itself."""

    events: list[EventInput]


class RejectedEvent(Struct, kw_only=True):
    """An event of the batch that breaks a rule, by its place in the batch from 0."""

    index: Count
    errors: list[FieldError]


class CloudEvent(Struct, kw_only=True):
    """An event of CloudEvents 1.0; extensions are kept in metadata."""

    specversion: Text
    id: Text
    source: Text
    type: Annotated[str, Meta(min_length=1, max_length=128)]
    """The activity."""
    time: str | None = None
    """The time of the event, as RFC 3339 has it; with it source and id are the event's key."""
    subject: str | None = None
    """The target."""
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    """Data in the contract's shape, known by its actor, gives the fields; all else is metadata."""


class PartialSuccess(Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """Log records that were not stored, of all that were sent."""

    rejected_log_records: str = "0"
    """A number, as JSON of protobuf writes 64 bits."""
    error_message: str = ""
    """Why, of the first ten."""


class ExportedLogs(Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """ExportLogsServiceResponse of OTLP; empty where every record was stored."""

    partial_success: PartialSuccess | None = None


class ConflictingEvent(Struct, kw_only=True):
    """An event whose id stands for other content, by its place in the batch from 0."""

    index: Count
    id: UUID
    """The id of the event that stands."""


class ContestedEvent(Struct, kw_only=True):
    """An event stored beside another sender's of the same key and time and other content."""

    index: Count
    id: UUID
    """The id of that other event; ``ids`` has the id of this one."""


class Ingested(Struct, kw_only=True):
    """The outcome of a batch."""

    accepted: Count
    duplicates: Count
    """Those that were there already, with the same content."""
    conflicts: list[ConflictingEvent]
    """Those that were not stored, for this sender gave other content under their key and time."""
    contested: list[ContestedEvent]
    """Of the accepted, those whose key and time another sender's event of other content has."""
    expired: Count
    """Of the accepted, those older than the workspace keeps; the next night removes them."""
    rejected: list[RejectedEvent]
    ids: list[UUID | None]
    """By place in the batch; null for an event that was refused or is in conflict."""


class StoredActor(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The actor, as the event said."""

    id: str
    name: str | None = None
    email: str | None = None
    role: str | None = None
    status: Literal["active", "disabled"] | None = None


class StoredEvent(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An event as it is kept; a field that was not sent is left out."""

    id: UUID
    seq: Annotated[int, Meta(ge=1)]
    workspace: str
    occurred_at: Annotated[datetime, Meta(tz=True)]
    received_at: Annotated[datetime, Meta(tz=True)]
    activity: str
    status: Literal["success", "error"]
    actor: StoredActor
    method: str | None = None
    path: str | None = None
    status_code: int | None = None
    ip: str | None = None
    user_agent: str | None = None
    platform: Literal["Windows", "macOS", "Linux", "iOS", "Android", "ChromeOS", "Other"]
    browser: str
    """Empty where the user agent names none."""
    duration_ms: float | None = None
    request_id: str | None = None
    targets: list[TargetInput] | None = None
    changes: dict[str, list[Any]] | None = None
    metadata: dict[str, Any] | None = None
    idempotency_key: str | None = None
    source: str | None = None
    """Where it came from, as the server states it: ``product``, ``api:`` and a key's id,
    ``import:`` and an import's id, or ``cli``. Left out of events from before it was recorded."""
    contested_with: list[UUID] | None = None
    """The events that other senders sent under its key and time, with other content; given where
    one event is asked for by its id."""


class EventPage(Struct, kw_only=True):
    """Events, newest first."""

    data: list[StoredEvent]
    next_cursor: str | None
    """The start of the next page; null at the end of the log. A page may hold fewer events than
    its limit, or none, and still have a next one, where a search ran out of time."""


class Feed(Struct, kw_only=True):
    """Events in the order of their sequence numbers, oldest first."""

    data: list[StoredEvent]
    last_seq: Seq
    """The next request's ``after``."""
    epoch: Annotated[int, Meta(ge=0)]
    """The next request's ``epoch``; another one after the log was brought back from a backup."""
    complete_through: Annotated[datetime, Meta(tz=True)] | None
    """Whatever was received before this is at or below ``last_seq``; null for an empty log."""


class Cosigner(Struct, kw_only=True):
    """A witness of the log, and the size that it cosigned last."""

    name: Text
    key: Text
    """Its verifier key."""
    required: bool
    """Whether a size counts as cosigned only once this witness signed it."""
    size: Seq
    at: Annotated[datetime, Meta(tz=True)] | None


class TreeHead(Struct, kw_only=True):
    """The newest signed head of the log, its checkpoint, and how the log stands to it."""

    origin: str
    """The log's name, which is that of its keys."""
    size: Seq
    """How many events are sealed: those of the numbers up to it."""
    root: Hash
    """The root hash over them."""
    note: str | None
    """The checkpoint, as it is to be kept; null before the first."""
    sealed_at: Annotated[datetime, Meta(tz=True)] | None
    last_seq: Seq
    """The number of the newest event."""
    behind_since: Annotated[datetime, Meta(tz=True)] | None
    """When the oldest event that waits to be sealed was received; null where none waits."""
    state: Literal["growing", "forked"]
    """A forked log signs nothing: what is stored contradicts a checkpoint that was given out."""
    reason: str | None
    """Why it is forked."""
    cosigned_size: Seq
    """The greatest size that counts as cosigned by the log's witnesses; 0 without one."""
    cosigners: list[Cosigner]


class ConsistencyProof(Struct, kw_only=True):
    """Hashes by which the tree of ``to`` events is shown to begin as the one of ``from`` did."""

    old: Annotated[int, Meta(ge=1)] = field(name="from")
    from_root: Hash
    to: Annotated[int, Meta(ge=1)]
    to_root: Hash
    proof: list[Hash]
    """In the order of RFC 9162, 2.1.4.1."""


class TreeKey(Struct, kw_only=True):
    """A key of the log."""

    key: Text
    """The verifier key: its name, its id and its public half."""
    made_at: Annotated[datetime, Meta(tz=True)]
    retired_at: Annotated[datetime, Meta(tz=True)] | None
    """When it signed for the last time; null while it signs."""


class TreeKeys(Struct, kw_only=True):
    """The keys of the log, the oldest first."""

    origin: str
    keys: list[TreeKey]


class ExportInput(Struct, forbid_unknown_fields=True, kw_only=True):
    """A filter and a format."""

    format: Annotated[str, Meta(extra_json_schema={"enum": list(FORMATS)})]
    query: str | dict[str, str | list[str]] = ""
    """The filter as a query string, or as an object of its parameters; everything without it."""
    columns: list[str] = []
    """The columns of CSV, XLSX and Parquet, in this order; all without it."""
    gzip: bool = False
    """Pack a CSV or JSONL file."""
    proof: bool = False
    """Make a proof with the file; people are then meant as events name them."""


class ExportJob(Struct, kw_only=True):
    """An export; its file can be downloaded once its state is ready."""

    id: UUID
    state: Literal["queued", "building", "ready", "failed", "cancelled", "expired"]
    format: str
    query: str
    """The filter as a canonical query string, its range as fixed instants."""
    workspace: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    rows_done: Count
    rows_total: Count | None
    bytes: Count | None
    sha256: Sha256 | None
    error: str | None
    download_url: str | None
    proof: bool
    """Whether it was asked for with proof."""
    bundle_url: str | None
    """The archive of the file, its proof and what checks them."""
    bundle_bytes: Count | None
    bundle_sha256: Sha256 | None
    sealed_size: Count | None
    """The events below the checkpoint that the proof leads to."""


class Problem(Struct, kw_only=True):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldError] | None = None
    """Every parameter or field that is wrong, where the request names some."""


class IngestProblem(Problem, kw_only=True):
    """A refusal of every event of a batch."""

    accepted: Count | None = None
    duplicates: Count | None = None
    conflicts: list[ConflictingEvent] | None = None
    expired: Count | None = None
    rejected: list[RejectedEvent] | None = None
    ids: list[UUID | None] | None = None
