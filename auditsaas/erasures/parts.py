"""The parts of an event that can be erased, by name, and what stays in their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditsaas.evidence.erased import NO_CLIENT
from auditsaas.evidence.format import leaf


@dataclass(frozen=True)
class Part:
    """One part, which is one slot of the leaf."""

    name: str
    """Its name in forms."""
    slot: int
    label: str
    words: str
    """The same within a sentence."""
    blanks: Mapping[str, Any]
    """The values that an erasure leaves in its columns."""
    chosen: bool = False
    """Whether it is erased unless an admin says otherwise."""


PARTS: Final = (
    Part(
        "person",
        leaf.PERSON,
        "Name and email",
        "name and email",
        {"actor_name": None, "actor_email": None},
        chosen=True,
    ),
    Part("address", leaf.IP, "Address", "address", {"ip": None}, chosen=True),
    Part(
        "client",
        leaf.CLIENT,
        "User Agent",
        "user agent",
        {"user_agent": None, **NO_CLIENT},
        chosen=True,
    ),
    Part("id", leaf.ACTOR_ID, "Person’s id", "person’s id", {}),
    Part("targets", leaf.TARGETS, "Targets", "targets", {"targets": None}),
    Part("changes", leaf.CHANGES, "Changes", "changes", {"changes": None}),
    Part("metadata", leaf.METADATA, "Metadata", "metadata", {"metadata": None}),
)
"""In the order of the page; the pseudonym is what stays of a person's id."""


def of_names(names: Iterable[str]) -> Sequence[Part]:
    """Select the parts of these names; unknown names are left out."""
    wanted = set(names)
    return [part for part in PARTS if part.name in wanted]


def of_slots(slots: Iterable[int]) -> Sequence[Part]:
    """Select the parts of these slots."""
    wanted = set(slots)
    return [part for part in PARTS if part.slot in wanted]


def listed(parts: Sequence[Part]) -> str:
    """List parts within a sentence: ``address, user agent and metadata``."""
    words = [part.words for part in parts]
    return " and ".join([*([", ".join(words[:-1])] if words[:-1] else []), words[-1]])


def blanks(parts: Iterable[Part], pseudonym: str) -> dict[str, Any]:
    """Return the values of an event's columns once these parts are erased."""
    found: dict[str, Any] = {}
    for part in parts:
        found |= part.blanks or {"actor_id": pseudonym}
    return found
