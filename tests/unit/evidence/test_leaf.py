"""The leaf of an event: the vectors of the format, and what is in no leaf."""

from __future__ import annotations

from typing import Any

import pytest

from auditsaas.evidence.format import leaf

SEED = bytes(range(16))
EVENT: dict[str, Any] = {
    "id": "01a1f8d3-ea00-7000-8daf-aea1f5fede11",
    "seq": 1,
    "workspace": "acme",
    "occurred_at": "2026-11-20T12:00:00Z",
    "received_at": "2026-11-20T12:00:00.250000Z",
    "activity": "invoice.update",
    "status": "success",
    "actor": {"id": "u-1", "name": "Ann Example", "email": "ann@acme.example"},
    "ip": "203.0.113.7",
    "duration_ms": 12.5,
    "metadata": {"n": 2**70, "x": [1e-7]},
    "platform": "Other",
    "browser": "",
    "source": "product",
}


def test_absent_part_has_the_hash_of_the_specification() -> None:
    salt = leaf.salts_of(SEED)[leaf.METADATA]
    expected = "6cfc754a2f3b57f4422747b443196c1df19e0031dcad550adc9816618030b8ea"
    assert leaf.slot_hash(leaf.METADATA, salt, None).hex() == expected


def test_platform_without_a_user_agent_has_the_hash_of_the_specification() -> None:
    salt = leaf.salts_of(SEED)[leaf.CLIENT]
    part = {"platform": "Other", "browser": "Other"}
    expected = "cf08d9f8630d74e41c895d331d851827a1e09896be5dbeff4a9ad5b2e21df8eb"
    assert leaf.slot_hash(leaf.CLIENT, salt, part).hex() == expected


def test_source_has_the_hash_of_the_specification() -> None:
    salt = leaf.salts_of(SEED)[leaf.OTHER]
    part = {"source": "api:01a1f8d3-0000-7000-8000-000000000001"}
    expected = "6d038a10c9e45e5951b336f7ff5613b1dd1e57d606c495d0d9358cd3c3f52516"
    assert leaf.slot_hash(leaf.OTHER, salt, part).hex() == expected


def test_leaf_has_the_hash_of_the_specification() -> None:
    fields = bytes.fromhex("6b10ec871f31ccca2cff1df9edc3e064765b29be416d086156bf5650d380126e")
    kept = leaf.preimage(1795176000000000, fields)
    expected = "20ac384a7fd22664410ef07b76a9cda5d5959a4437347bfb5d5c1d2076c9e752"
    assert leaf.leaf_hash(1, kept).hex() == expected
    assert leaf.read_preimage(kept) == (1795176000000000, fields)


@pytest.mark.parametrize("name", ["workspace", "seq", "occurred_at"])
def test_field_beside_the_slots_is_in_none(name: str) -> None:
    other = EVENT | {name: 2 if name == "seq" else "other"}
    assert leaf.parts_of(other) == leaf.parts_of(EVENT)


@pytest.mark.parametrize("name", sorted(EVENT.keys() - {"workspace", "seq", "occurred_at"}))
def test_field_left_out_changes_one_slot(name: str) -> None:
    less = {key: value for key, value in EVENT.items() if key != name}
    changed = [a != b for a, b in zip(leaf.parts_of(less), leaf.parts_of(EVENT), strict=True)]
    assert changed.count(True) == (2 if name == "actor" else 1)


def test_field_of_a_later_version_stands_in_the_last_slot() -> None:
    assert leaf.parts_of(EVENT | {"group": "north"})[leaf.OTHER] == {
        "source": "product",
        "group": "north",
    }


def test_field_added_to_an_actor_is_refused() -> None:
    with pytest.raises(ValueError, match="an actor has no field shoe"):
        leaf.parts_of(EVENT | {"actor": {"id": "u-1", "shoe": 44}})


def test_time_of_a_leaf_is_in_microseconds_before_1970_too() -> None:
    assert leaf.micros_of("1969-12-31T23:59:59.999999Z") == -1
    assert leaf.read_preimage(leaf.preimage(-1, leaf.NO_FIELDS)) == (-1, leaf.NO_FIELDS)
