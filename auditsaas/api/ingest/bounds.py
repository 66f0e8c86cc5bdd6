"""Looks at a body before it is decoded, so that what it costs is bounded by what it may hold.

Decoding makes an object of every value; a few kilobytes of gzip hold millions. Counting does not:
commas and brackets are counted where they stand, in strings too, and only a body with very many is
looked at again without its strings. Lists are read into as many places as they may have, and
reading ends at the next item.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from auditsaas.api.ingest.unpacking import TooLarge
from auditsaas.events.schema import EventInput
from auditsaas.events.writing.append import MAX_BATCH

MAX_VALUES: Final = 200_000
"""Values of a body, and lists and objects; the largest batches of real senders hold a tenth."""

MAX_STRINGS_SEEN: Final = 100_000

# To its end, or to that of the body: each byte is looked at once, however it is quoted.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_LINE: Final = re.compile(rb"\S[^\n]*")
_FULL: Final = "at most length"

Unset = msgspec.UnsetType


class TooManyEvents(TooLarge):
    def __init__(self) -> None:
        super().__init__(f"A request holds at most {MAX_BATCH:,} events; this one has more.")


def refuse_many_values(body: bytes, most: int = MAX_VALUES) -> None:
    """Refuse JSON of more values than any batch has. Raises TooLarge."""
    if _marks(body) <= most:
        return
    outside, strings = _STRING.subn(b"", body, MAX_STRINGS_SEEN)
    if strings == MAX_STRINGS_SEEN or _marks(outside) > most:
        raise TooLarge(f"The body holds more than {most:,} values.")


def lines_of(body: bytes) -> list[bytes]:
    """Split lines that are not blank, up to one more than a request may hold."""
    return [found[0] for found in islice(_LINE.finditer(body), MAX_BATCH + 1)]


def _marks(text: bytes) -> int:
    return text.count(b",") + text.count(b"{") + text.count(b"[")


def _places(kind: Any) -> Any:
    """Make a type of JSON arrays that ends reading after as many items as a request may hold."""
    fields = [(f"item{number}", kind | Unset, msgspec.UNSET) for number in range(MAX_BATCH)]
    return msgspec.defstruct(
        "Places", fields, array_like=True, forbid_unknown_fields=True, gc=False
    )


_EVENTS: Final = _places(EventInput)
_RAWS: Final = _places(msgspec.Raw)
_BATCH: Final = msgspec.defstruct("Batch", [("events", _EVENTS)], forbid_unknown_fields=True)

_decode_array = msgspec.json.Decoder(_EVENTS).decode
_decode_batch = msgspec.json.Decoder(_BATCH).decode
_decode_items = msgspec.json.Decoder(_RAWS).decode


def events_of(body: bytes, *, is_array: bool) -> list[EventInput]:
    """Decode an array of events, or ``{"events": […]}``. Raises MsgspecError or TooManyEvents."""
    try:
        found: Any = _decode_array(body) if is_array else _decode_batch(body)
    except msgspec.ValidationError as error:
        raise _as_many(error) from None
    return _items(found if is_array else found.events)


def items_of(body: bytes | msgspec.Raw) -> Sequence[msgspec.Raw]:
    """Split an array into the texts of its items. Raises MsgspecError or TooManyEvents."""
    try:
        return _items(_decode_items(body))
    except msgspec.ValidationError as error:
        raise _as_many(error) from None


def _items(found: Any) -> list[Any]:
    return [item for item in msgspec.structs.astuple(found) if item is not msgspec.UNSET]


def _as_many(error: msgspec.ValidationError) -> Exception:
    """Tell too many items from another fault; a list within an event has its own words."""
    words = str(error)
    is_batch = _FULL in words and (" at `$" not in words or words.endswith("`$.events`"))
    return TooManyEvents() if is_batch else error
