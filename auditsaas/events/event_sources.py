"""Sources of events: stated by the server for every event that is appended.

Events from before this was recorded have no source, and none is guessed.
"""

from __future__ import annotations

from typing import Final, NewType
from uuid import UUID

EventSource = NewType("EventSource", str)

PRODUCT: Final = EventSource("product")
"""The product's own actions, whichever process appends them."""
CLI: Final = EventSource("cli")
"""Files that an operator imports on the command line, and the demo's invented events."""

KEY: Final = "api:"
IMPORT: Final = "import:"

UNRECORDED: Final = "none"
"""How a filter names the events that have no source."""

KINDS: Final = {
    PRODUCT: "The product",
    f"{KEY}*": "API keys",
    f"{IMPORT}*": "Imports",
    CLI: "Command line",
    UNRECORDED: "Not recorded",
}
"""The kinds of sources as filters write them, in words."""

_TELLERS: Final = {"product": "the product", "api": "an API key", "import": "an import"}


def of_key(key_id: UUID) -> EventSource:
    """Return the source of events that an application sends by this key."""
    return EventSource(f"{KEY}{key_id}")


def of_import(import_id: UUID) -> EventSource:
    """Return the source of the events of this upload."""
    return EventSource(f"{IMPORT}{import_id}")


def kind_of(source: str | None) -> str:
    """Return the kind of a source as filters write it."""
    if source is None:
        return UNRECORDED
    return next((f"{known}*" for known in (KEY, IMPORT) if source.startswith(known)), source)


def teller(source: str) -> str:
    """Word a source as the one that says something."""
    return _TELLERS.get(source.partition(":")[0], "the command line")


def in_words(value: str) -> str:
    """Word a value of a filter: a kind, or one source as it is stored."""
    return KINDS.get(value, value)
