"""Which slot of an event is shown, so that it is seen why the event is not in a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditsaas.events.filter.event_filter import FILTERS
from auditsaas.evidence.bundles.exclusion import PROVABLE, Exclusion
from auditsaas.evidence.bundles.question import WORDS
from auditsaas.evidence.format import leaf

EVENT: dict[int, Any] = {
    leaf.ACTIVITY: "user.login",
    leaf.STATUS: "success",
    leaf.METHOD: None,
    leaf.ACTOR_ID: "u_1",
    leaf.PERSON: {"email": "Ann@Acme.example", "name": "Ann"},
    leaf.STANDING: {"role": "admin"},
    leaf.IP: "203.0.113.7",
    leaf.CLIENT: {"browser": "", "platform": "Other"},
    leaf.OTHER: None,
}


def values() -> list[bytes]:
    """The slots of the event as they are hashed."""
    found = [EVENT.get(slot) for slot in range(leaf.SLOTS)]
    return [b"\0" if one is None else b"\1" + json.dumps(one).encode() for one in found]


@pytest.mark.parametrize(
    ("query", "slot"),
    [
        ({"status": ["error"]}, leaf.STATUS),
        ({"activity": ["invoice.*", "user.logout"]}, leaf.ACTIVITY),
        ({"method": ["GET"]}, leaf.METHOD),
        ({"actor.id": ["u_2"]}, leaf.ACTOR_ID),
        ({"actor.email": ["bo@acme.example"]}, leaf.PERSON),
        ({"role": ["member"]}, leaf.STANDING),
        ({"user_status": ["disabled"]}, leaf.STANDING),
        ({"ip": ["203.0.113.0/30", "2001:db8::/32"]}, leaf.IP),
        ({"platform": ["iOS"]}, leaf.CLIENT),
        ({"source": ["api:*", "product"]}, leaf.OTHER),
        ({"ip": ["192.0.2.1"], "status": ["error"]}, leaf.STATUS),
        ({"actor.email": ["x@x.example"], "role": ["guest"]}, leaf.STANDING),
    ],
)
def test_slot_that_shows_least_excludes(query: dict[str, list[str]], slot: int) -> None:
    assert Exclusion.of(query).slot(values()) == slot


@pytest.mark.parametrize(
    "query",
    [
        {"status": ["error", "success"], "activity": ["user.*"]},
        {"actor.email": ["ANN@acme.EXAMPLE"], "user_status": ["active"]},
        {"ip": ["203.0.113.0/24"], "source": ["none"], "platform": ["Other"]},
        {"q": "words", "min_ms": 3},
    ],
)
def test_matching_event_is_excluded_by_no_slot(query: dict[str, Any]) -> None:
    assert Exclusion.of(query).slot(values()) is None


def test_erased_slot_excludes_nothing() -> None:
    asked = Exclusion.of({"ip": ["192.0.2.1"]})
    assert asked.slot(values(), erased={leaf.IP}) is None
    assert asked.slot(values()) == leaf.IP


def test_every_filter_can_be_proven_or_is_worded_as_one_that_cannot() -> None:
    apart = {"workspace", "user"}  # a proof is of one; a user is meant by two other names
    assert FILTERS.keys() - apart == (PROVABLE.keys() | WORDS.keys()) & FILTERS.keys() - apart
    assert not PROVABLE.keys() & WORDS.keys()
