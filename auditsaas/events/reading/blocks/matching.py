"""Finds what a filter matches within a block: each field is asked by its different values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from auditsaas.events.columns.block import ACTOR, DURATION, Durations, Word, Words
from auditsaas.events.filter.event_filter import FILTERS, OF_ACTORS, EventFilter
from auditsaas.events.filter.written import same
from auditsaas.events.reading.blocks.loading import Part

PLAIN: Final = ("activity", "status", "method", "platform", "browser", "source")
"""Filters that are named as the field which they compare."""
FIELD_OF: Final[Mapping[str, str]] = {
    **{name: name for name in PLAIN},
    **dict.fromkeys(OF_ACTORS, ACTOR),
    **dict.fromkeys(("min_ms", "max_ms"), DURATION),
}
"""The field of a block by which each filter is answered."""
KNOWN: Final = frozenset(FIELD_OF) | {"workspace"}


def answers(event_filter: EventFilter) -> bool:
    """Tell whether blocks know all that a filter asks of an event."""
    asked = {name for name in FILTERS if getattr(event_filter, name) not in ((), None)}
    return not event_filter.terms and event_filter.as_written is None and asked <= KNOWN


def fields_of(event_filter: EventFilter) -> frozenset[str]:
    """Return the fields that a filter asks."""
    return frozenset(
        field for name, field in FIELD_OF.items() if getattr(event_filter, name) not in ((), None)
    )


def matching(part: Part, event_filter: EventFilter, people: Collection[str] | None) -> int:
    """Return the mask of the events that a filter matches.

    ``people`` are the ids of the actors that it means; None where it names none.
    """
    block, within = part.block, part.within
    for name in PLAIN:
        chosen = getattr(event_filter, name)
        if chosen:
            within = _among(block.words[name], partial(_is_any, name, chosen), within)
    if people is not None:
        within = _among(block.words[ACTOR], people.__contains__, within)
    if block.durations is not None:
        within = _timed(block.durations, event_filter, within)
    return within


def _among(known: Words, wanted: Callable[[Word], bool], within: int) -> int:
    return known.among([wanted(word) for word in known.words], within) if within else 0


def _is_any(name: str, chosen: Collection[str], word: Word) -> bool:
    meets = _MEETS[name]
    return any(meets(word, one) for one in chosen)


def _timed(durations: Durations, event_filter: EventFilter, within: int) -> int:
    """Return the mask of the events within another whose response time is in the range."""
    shortest, longest = event_filter.min_ms, event_filter.max_ms
    if shortest is not None or longest is not None:
        within ^= durations.below(1, within)
    if shortest is not None:
        within ^= durations.below(durations.values.below(shortest) + 1, within)
    if longest is not None:
        within = durations.below(durations.values.up_to(longest) + 1, within)
    return within


def _meets(name: str) -> Callable[[Word, str], bool]:
    written = FILTERS[name].written
    return same if written is None else written.meets


_MEETS: Final = {name: _meets(name) for name in PLAIN}
