"""Makes blocks of events column by column, from rows of the log or from what is stored of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row

from auditsaas.events.columns import bit_slices, numbers
from auditsaas.events.columns.numbers import Ordered

TIME: Final = "occurred_at"
DURATION: Final = "duration_ms"
ACTOR: Final = "actor_id"
WORDS: Final = ("activity", "status", "method", ACTOR, "platform", "browser", "source")
FIELDS: Final = (TIME, DURATION, *WORDS)
MOST_WORDS: Final = 4096
"""A field of more different words than this is not kept of a block: most of them stand in it once
or twice, and the log itself is asked."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE: Final = 60

Word = str | None


@dataclass(frozen=True)
class Words:
    """A field of a block whose values are texts: how often each is there, and where."""

    words: Sequence[Word]
    counts: Sequence[int]
    slices: Sequence[int]
    """Empty also where places were not asked for."""

    def counted(self, within: int, places: int) -> dict[Word, int]:
        """Count the words within a mask."""
        if within == bit_slices.full(places):
            return dict(zip(self.words, self.counts, strict=True))
        found = bit_slices.counted(self.slices, within, places)
        return {self.words[number]: n for number, n in found}

    def among(self, wanted: Sequence[bool], within: int) -> int:
        """Return the mask of the places within another whose word is wanted."""
        chosen = [number for number, is_wanted in enumerate(wanted) if is_wanted]
        return bit_slices.among(self.slices, chosen, len(self.words), within)


@dataclass(frozen=True)
class Durations:
    """The response times of a block: the different ones, ascending, and where they are.

    Number 0 stands where there is none, so the first of them has number 1.
    """

    values: Ordered
    slices: Sequence[int]

    def below(self, number: int, within: int) -> int:
        """Return the mask of the places whose number is smaller."""
        return bit_slices.below(self.slices, number, within)


@dataclass(frozen=True)
class Block:
    """Events of one log, in the order of their minutes."""

    events: int
    first_minute: int
    last_minute: int
    minutes: Sequence[int] = ()
    """How long after the first that of each event is; empty where the ends say enough."""
    words: Mapping[str, Words] = field(default_factory=dict)
    durations: Durations | None = None

    @property
    def whole(self) -> int:
        """The mask of all places."""
        return bit_slices.full(self.events)

    def span(self, first: int, after: int) -> int:
        """Return the mask of the events from one minute to before another."""
        ends = (bisect_left(self.minutes, end - self.first_minute) for end in (first, after))
        return bit_slices.span(*ends)


def of_rows(rows: Sequence[Row[Any]], fields: Sequence[str] = FIELDS) -> Block:
    """Make a block of rows of the log, at most 65,536, that have ``occurred_at`` and the fields."""
    at = [minute_of(row.occurred_at) for row in rows]
    order = sorted(range(len(rows)), key=at.__getitem__)
    first, last = (at[order[0]], at[order[-1]]) if rows else (0, 0)
    columns = {name: [getattr(rows[place], name) for place in order] for name in fields}
    words = {name: _words(columns[name]) for name in fields if name in WORDS}
    return Block(
        len(rows),
        first,
        last,
        [at[place] - first for place in order],
        {name: known for name, known in words.items() if len(known.words) <= MOST_WORDS},
        _durations(columns[DURATION]) if DURATION in fields else None,
    )


def minute_of(moment: datetime) -> int:
    """Return the minute of an instant, counted from 1970."""
    since = moment - EPOCH
    return since.days * 1440 + since.seconds // MINUTE


def _words(values: Sequence[Word]) -> Words:
    counts = Counter(values)
    known = sorted(counts, key=lambda word: (word is not None, word))
    places = {word: number for number, word in enumerate(known)}
    slices = bit_slices.sliced([places[value] for value in values], len(known))
    return Words(known, [counts[word] for word in known], slices)


def _durations(values: Sequence[float | None]) -> Durations:
    known = sorted({value for value in values if value is not None})
    places: dict[float | None, int] = {value: number for number, value in enumerate(known, 1)}
    places[None] = 0
    values_known = numbers.ordered(known)
    return Durations(
        values_known, bit_slices.sliced([places[value] for value in values], len(known) + 1)
    )


def stored(block: Block) -> dict[str, dict[str, Any]]:
    """Return what is stored of each field of a block, by the names of its columns."""
    found: dict[str, dict[str, Any]] = {TIME: {"numbers": numbers.packed(block.minutes)}}
    if block.durations is not None:
        found[DURATION] = {
            "numbers": numbers.packed_floats(block.durations.values),
            "slices": bit_slices.packed(block.durations.slices, block.events),
        }
    for name, known in block.words.items():
        slices = bit_slices.packed(known.slices, block.events)
        found[name] = {"words": known.words, "counts": known.counts, "slices": slices}
    empty = dict.fromkeys(("words", "counts", "numbers", "slices"))
    return {name: {**empty, **values} for name, values in found.items()}


def of_stored(rows: Sequence[Row[Any]]) -> Block:
    """Make a block of its stored fields, of which the time is one."""
    by_field = {row.field: row for row in rows}
    time, durations = by_field[TIME], by_field.get(DURATION)
    return Block(
        time.events,
        time.first_minute,
        time.last_minute,
        numbers.unpacked(time.numbers or b""),
        {
            name: Words(row.words, row.counts, bit_slices.unpacked(row.slices or b"", row.events))
            for name, row in by_field.items()
            if name in WORDS
        },
        None
        if durations is None
        else Durations(
            numbers.unpacked_floats(durations.numbers),
            bit_slices.unpacked(durations.slices or b"", durations.events),
        ),
    )
