"""The vectors of docs/evidence.md, from which others write their verifiers."""

from __future__ import annotations

import json
import re
from pathlib import Path

from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.notes import VerifierKey, checkpoint

PAGE = (Path(__file__).parents[3] / "docs" / "evidence.md").read_text()
SEED = bytes(range(16))


def stated(name: str) -> str:
    """The hexadecimal value beside a name in one of the page's tables."""
    found = re.search(rf"^\| {re.escape(name)} \| `([0-9a-f]+)` \|$", PAGE, re.MULTILINE)
    assert found, name
    return found[1]


def event() -> dict[str, object]:
    found = re.search(r"```json\n(.*)\n```", PAGE)
    assert found
    read: dict[str, object] = json.loads(found[1])
    return read


def test_slots_of_the_documented_event_are_as_stated() -> None:
    slots = leaf.slot_hashes(leaf.parts_of(event()), SEED)
    assert [slot.hex() for slot in slots] == [stated(f"slot {n}") for n in range(16)]
    assert leaf.fields_hash(slots).hex() == stated("fields")


def test_leaf_of_the_documented_event_is_as_stated() -> None:
    kept = leaf.preimage_of(event(), SEED)
    assert "01" + (1).to_bytes(8, "big").hex() + kept.hex() == stated("leaf data")
    assert leaf.leaf_hash(1, kept).hex() == stated("leaf hash")


def test_documented_roots_are_as_stated() -> None:
    inputs = "", "00", "10", "2021", "3031", "40414243", "5051525354555657"
    leaves = [merkle.leaf(bytes.fromhex(data)) for data in inputs]
    for size in (0, 1, 2, 3, 7):
        assert merkle.root_of(leaves[:size]).hex() == stated(str(size))


def test_documented_checkpoint_opens_with_the_documented_key() -> None:
    blocks = re.findall(r"```\n(audit\.example\.com.*?)```", PAGE, re.DOTALL)
    note, key = blocks[-2], blocks[-1]
    assert checkpoint(note, VerifierKey.parse(key)).size == 2
