"""The fields of an event, each declared once.

Made from these records are the log's columns, the values that an append gives of a row, the JSON of
the API and of JSONL files, the columns of tables (CSV, XLSX and Parquet), and the names that the
importers of the product's own files take. Their order is that of the JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

ACTOR: Final = "actor"


class Kind(Enum):
    """The kinds of values; each user of the list has its own type for each."""

    ID = auto()
    SEQUENCE = auto()
    TIME = auto()
    WORD = auto()
    """Text that is compared byte by byte, so that an index can serve its beginning."""
    TEXT = auto()
    CODE = auto()
    NUMBER = auto()
    ADDRESS = auto()
    DOCUMENT = auto()
    SLUG = auto()
    """The workspace's, which the log does not keep."""


class Origin(Enum):
    """The origin of a value: sender or server."""

    SENDER = auto()
    DERIVED = auto()
    """Read from what the sender gave, event by event."""
    SERVER = auto()
    """Stated by the append, for the whole batch."""


@dataclass(frozen=True)
class EventField:
    """One field of a stored event."""

    name: str
    """Its name in JSON; ``actor.…`` for what stands in the actor's object."""
    kind: Kind
    origin: Origin = Origin.SENDER
    always: bool = field(default=False, kw_only=True)
    """Whether every stored event has it."""
    free: bool = field(default=False, kw_only=True)
    """Whether it is text that senders choose."""
    header: str = field(default="", kw_only=True)
    """Its name in the header of tables, where it is another one; see ``heading``."""
    place: int | None = field(default=None, kw_only=True)
    """Its place among the columns of a table, from 1; None where tables leave it out."""

    @property
    def heading(self) -> str:
        """Its name in the header of tables, written or read."""
        return self.header or self.name

    @property
    def column(self) -> str:
        """Its column in the log."""
        return "workspace_id" if self.kind is Kind.SLUG else self.name.replace(".", "_")

    @property
    def in_actor(self) -> bool:
        return self.name.startswith(f"{ACTOR}.")

    @property
    def key(self) -> str:
        """Its key in the JSON object that holds it."""
        return self.name.removeprefix(f"{ACTOR}.")


FIELDS: Final = (
    EventField("id", Kind.ID, Origin.DERIVED, header="event_id", place=20, always=True),
    EventField("seq", Kind.SEQUENCE, Origin.SERVER, place=21, always=True),
    EventField("workspace", Kind.SLUG, Origin.SERVER, place=15, always=True),
    EventField("occurred_at", Kind.TIME, header="created_at", place=1, always=True),
    EventField("received_at", Kind.TIME, Origin.SERVER, always=True),
    EventField("activity", Kind.WORD, place=2, always=True, free=True),
    EventField("status", Kind.WORD, place=3, always=True),
    EventField("actor.id", Kind.WORD, header="user_id", place=10, always=True, free=True),
    EventField("actor.name", Kind.TEXT, header="user_name", place=8, free=True),
    EventField("actor.email", Kind.TEXT, header="user_email", place=9, free=True),
    EventField("actor.role", Kind.TEXT, header="user_role", place=11, free=True),
    EventField("actor.status", Kind.TEXT, header="user_status"),
    EventField("method", Kind.WORD, place=5, free=True),
    EventField("path", Kind.TEXT, place=6, free=True),
    EventField("status_code", Kind.CODE, place=4),
    EventField("ip", Kind.ADDRESS, header="ip_address", place=14),
    EventField("user_agent", Kind.TEXT, place=12, free=True),
    EventField("platform", Kind.TEXT, Origin.DERIVED, place=13, always=True),
    EventField("browser", Kind.TEXT, Origin.DERIVED, always=True),
    EventField("duration_ms", Kind.NUMBER, place=7),
    EventField("request_id", Kind.WORD, place=16, free=True),
    EventField("targets", Kind.DOCUMENT, place=17),
    EventField("changes", Kind.DOCUMENT, place=18),
    EventField("metadata", Kind.DOCUMENT, place=19),
    EventField("idempotency_key", Kind.TEXT, free=True),
    EventField("source", Kind.WORD, Origin.SERVER, place=22),
)

STORED: Final = tuple(known for known in FIELDS if known.kind is not Kind.SLUG)
"""The fields that are columns of the log."""

GIVEN: Final = tuple(known for known in FIELDS if known.origin is not Origin.SERVER)
"""The fields that an append gives of each event."""

SENT: Final = tuple(known for known in FIELDS if known.origin is Origin.SENDER)
"""The fields that a sender may give."""

TABLE: Final = {
    known.heading: known
    for known in sorted(FIELDS, key=lambda known: known.place or 0)
    if known.place is not None
}
"""The columns of a table by their names in its header, in their order."""
