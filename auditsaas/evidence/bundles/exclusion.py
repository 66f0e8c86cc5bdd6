"""Finds the one slot of an event that shows why it is not in a file."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditsaas.events.filter.event_filter import FILTERS
from auditsaas.events.filter.written import Written, is_address
from auditsaas.evidence.format import leaf

OF_PEOPLE: Final = {
    "actor.id": Written("actor.id"),
    "actor.email": Written("actor.email", is_address),
}
"""What a user may be meant by, under the names that these have in a query."""
PROVABLE: Final[Mapping[str, Written]] = {
    **{name: known.written for name, known in FILTERS.items() if known.written is not None},
    **OF_PEOPLE,
}
SHOWN_FIRST: Final = (
    *(leaf.STATUS, leaf.ACTIVITY, leaf.METHOD, leaf.OTHER, leaf.STANDING, leaf.CLIENT),
    *(leaf.ACTOR_ID, leaf.IP, leaf.PERSON),
)
"""Slots, first those that show least of an event and of its person."""
OBJECTS: Final = frozenset({leaf.PERSON, leaf.STANDING, leaf.CLIENT, leaf.HTTP, leaf.OTHER})
"""Slots of several fields."""


@dataclass(frozen=True)
class Asked:
    """A filter of a query, the slot that answers it, and the key within, if that is an object."""

    slot: int
    key: str | None
    written: Written
    wanted: Sequence[str]

    def shows(self, hashed: bytes) -> bool:
        """Tell whether the slot's value, as it is hashed, shows that the event does not match."""
        value = _value(hashed, self.key)
        return not any(self.written.meets(value, one) for one in self.wanted)


@dataclass(frozen=True)
class Exclusion:
    """The provable filters of a query, each answered by one slot."""

    asked: Sequence[Asked]

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Exclusion:
        return cls(sorted(_asked(query), key=lambda one: SHOWN_FIRST.index(one.slot)))

    def slot(self, values: Sequence[bytes], erased: Collection[int] = ()) -> int | None:
        """Return a slot that shows that an event does not match; None where no one slot does.

        ``values`` are the slots' as they are hashed. An erased slot shows nothing.
        """
        for one in self.asked:
            hashed = values[one.slot]
            if one.slot not in erased and hashed[:1] in (b"\0", b"\1") and one.shows(hashed):
                return one.slot
        return None


def _asked(query: Mapping[str, Any]) -> Iterator[Asked]:
    for name, written in PROVABLE.items():
        if name in query:
            slot = next(at for at, names in enumerate(_NAMES) if written.field in names)
            key = written.field.removeprefix("actor.") if slot in OBJECTS else None
            yield Asked(slot, key, written, query[name])


_NAMES: Final = [names.split(", ") for names in leaf.SLOT_NAMES]


def _value(hashed: bytes, key: str | None) -> str | None:
    read = None if hashed == b"\0" else json.loads(hashed[1:])
    if key is not None:
        read = (read or {}).get(key)
    return read if isinstance(read, str) else None
