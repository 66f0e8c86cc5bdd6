from __future__ import annotations

from typing import Any

import pytest

from auditsaas.evidence import erased
from auditsaas.evidence.format import leaf

SEED = bytes(range(16))
EVENT: dict[str, Any] = {
    "id": "01a1f8d3-ea00-7000-8daf-aea1f5fede11",
    "activity": "user.login",
    "actor": {"id": "mira.okafor", "name": "Mira Okafor", "email": "mira@acme.example"},
    "ip": "203.0.113.7",
    "user_agent": "Example/1",
    "platform": "Linux",
    "browser": "Firefox 130",
    "metadata": {"room": 7},
}
GONE = (5, 6, 8, 9, 13)


def kept() -> erased.Kept:
    hashes = leaf.slot_hashes(leaf.parts_of(EVENT), SEED)
    salts = leaf.salts_of(SEED)
    return erased.Kept(
        1,
        {slot: hashes[slot] for slot in GONE},
        [erased.NO_SALT if slot in GONE else salts[slot] for slot in range(leaf.SLOTS)],
    )


def left(**put_back: Any) -> dict[str, Any]:
    """The event as an erasure leaves it, but for what is put back."""
    now = {name: EVENT[name] for name in ("id", "activity")}
    return now | {"actor": {"id": "erased-0123456789ab"}, **erased.NO_CLIENT} | put_back


def test_erased_event_has_the_hash_that_was_sealed() -> None:
    sealed = leaf.slot_hashes(leaf.parts_of(EVENT), SEED)
    assert erased.slot_hashes(leaf.parts_of(left()), kept()) == sealed


def test_row_of_an_erased_event_reads_as_it_was_written() -> None:
    row = erased.written(kept())
    assert erased.read(1, row["slots"], row["hashes"], row["salts"]) == kept()


@pytest.mark.parametrize(
    "put_back",
    [
        {"actor": EVENT["actor"]},
        {"actor": {"id": "erased-0123456789ab", "name": "Mira Okafor"}},
        {"actor": {"id": "erased-0123456789aB"}},
        {"actor": {"id": "erased-0123456789ab\n"}},
        {"ip": "203.0.113.7"},
        {"platform": "Linux"},
        {"user_agent": "Example/1"},
        {"metadata": {}},
    ],
)
def test_value_that_is_put_back_is_refused(put_back: dict[str, Any]) -> None:
    with pytest.raises(erased.NotErased):
        erased.slot_hashes(leaf.parts_of(left(**put_back)), kept())


def test_other_value_in_a_slot_that_stayed_has_another_hash() -> None:
    sealed = leaf.slot_hashes(leaf.parts_of(EVENT), SEED)
    changed = leaf.parts_of(left(activity="user.delete"))
    assert erased.slot_hashes(changed, kept()) != sealed
