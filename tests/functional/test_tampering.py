"""What the owner of the tables changes in a sealed log is found, and named rightly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from auditsaas.evidence.checking import scanning
from auditsaas.evidence.checking.finding import Finding
from auditsaas.evidence.format import merkle, notes
from auditsaas.evidence.format.leaf import leaf_hash
from auditsaas.evidence.format.notes import Checkpoint
from auditsaas.evidence.models import seals_seen, tree_heads
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.witnesses import outside
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.sealing import own_key, seal
from tests.support.tampering import Owner, unguarded

pytestmark = pytest.mark.usefixtures("app")

LAST = 601
"""Of the log's numbers: two full tiles and a part of one; the last tells of the key."""


def given(i: int) -> dict[str, Any]:
    return event_input(
        actor={"id": f"u_{i % 7}", "name": "Ann Lee", "email": f"ann{i % 7}@example.com"},
        metadata={"invoice": i, "amount": 1.5},
        occurred_at=f"2026-11-2{i % 6}T10:0{i % 7}:{i % 60:02}.123456Z",
        idempotency_key=f"invoice-{i}",
    )


@pytest.fixture(scope="module")
def acme() -> Workspace:
    """A workspace whose log is sealed twice: at 400, and at its end."""
    made = make_workspace()
    append_events(made, [given(i) for i in range(400)])
    seal(made)
    append_events(made, [given(i) for i in range(400, 600)])
    seal(made)
    return made


@pytest.fixture(scope="module")
def unguarded_owner(acme: Workspace, owner_engine: Engine) -> Iterator[Owner]:
    with unguarded(owner_engine, acme.id) as owner:
        yield owner


@pytest.fixture
def owner(unguarded_owner: Owner) -> Iterator[Owner]:
    yield unguarded_owner
    unguarded_owner.take_back()


def found(workspace: Workspace) -> list[Finding]:
    with scoped(workspace.id) as session:
        return scanning.check(session, workspace.id)


def told(workspace: Workspace) -> list[str]:
    return [finding.words for finding in found(workspace)]


EDIT = "UPDATE events SET {} WHERE workspace_id = :w AND seq = {}"


@dataclass(frozen=True)
class Edit:
    seq: int
    change: str
    fields: tuple[str, ...]
    expected: Any = None
    """The value that the check still knows of the first field."""


EDITS = [
    Edit(1, "status = 'error'", ("status",), "success"),
    Edit(77, "activity = 'invoice.delete'", ("activity",), "invoice.update"),
    Edit(256, "method = NULL", ("method",), "POST"),
    Edit(257, "actor_id = 'u_9'", ("actor.id",), "u_4"),
    Edit(300, "actor_name = 'Bob Ray'", ("actor.name",)),
    Edit(301, "actor_role = 'owner'", ("actor.role",)),
    Edit(302, "ip = '203.0.113.9'", ("ip",), "203.0.113.7"),
    Edit(303, "platform = 'Linux'", ("platform",)),
    Edit(304, "path = '/other'", ("path",)),
    Edit(305, 'targets = \'[{"type": "invoice", "id": "9"}]\'', ("targets",)),
    Edit(306, "changes = '{\"total\": [1, 2]}'", ("changes",)),
    Edit(307, 'metadata = \'{"invoice": 306, "amount": 2.5}\'', ("metadata",)),
    Edit(308, 'metadata = \'{"invoice":307,"amount":1.5,"amount":1.5}\'', ("metadata",)),
    Edit(512, "idempotency_key = 'mine'", ("idempotency_key",)),
    Edit(513, "source = 'product'", ("source",), {"source": "cli"}),
    Edit(600, "received_at = received_at - interval '1 second'", ("received_at",)),
    Edit(601, "ip = '203.0.113.9', status = 'error'", ("status", "ip")),
    Edit(55, "occurred_at = occurred_at - interval '0.000001 s'", ("occurred_at",)),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: ",".join(edit.fields) + str(edit.seq))
def test_edited_value_is_named_by_number_and_field(
    acme: Workspace, owner: Owner, edit: Edit
) -> None:
    change = edit.change.replace(":", "\\:")
    owner.does(EDIT.format(change, edit.seq))
    [finding] = found(acme)
    assert (finding.kind, finding.seq) == ("changed", edit.seq)
    assert tuple(each.field for each in finding.fields) == edit.fields
    if edit.expected is not None:
        assert finding.fields[0].expected.value == edit.expected


def test_time_is_told_as_sealed_and_as_found(acme: Workspace, owner: Owner) -> None:
    owner.does(EDIT.format("occurred_at = occurred_at + interval '1 hour'", 55))
    [finding] = found(acme)
    [time] = finding.fields
    assert time.field == "occurred_at"
    assert time.expected.value == "2026-11-20T10:05:54.123456Z"
    assert time.found.value == "2026-11-20T11:05:54.123456Z"


def test_expected_hash_is_that_of_the_sealed_value(acme: Workspace, owner: Owner) -> None:
    owner.does(EDIT.format("metadata = '{\"invoice\"\\: 1}'", 307))
    [finding] = found(acme)
    [metadata] = finding.fields
    assert metadata.found.value == {"invoice": 1}
    owner.take_back()
    owner.does(EDIT.format("metadata = '{\"invoice\"\\: 2}'", 307))
    [again] = found(acme)
    assert again.fields[0].expected.hash == metadata.expected.hash != again.fields[0].found.hash


def test_other_spelling_of_the_same_json_is_no_difference(acme: Workspace, owner: Owner) -> None:
    owner.does(EDIT.format('metadata = \' {"amount"\\: 1.50, "invoice"\\: 306.0}\'', 307))
    assert told(acme) == []


def test_events_of_one_tile_are_told_apart(acme: Workspace, owner: Owner) -> None:
    owner.does(
        EDIT.format("ip = '203.0.113.9'", 30),
        EDIT.format("path = '/x'", 31),
        EDIT.format("status = 'error'", 200),
    )
    named = [(each.seq, [field.field for field in each.fields]) for each in found(acme)]
    assert named == [(30, ["ip"]), (31, ["path"]), (200, ["status"])]


def test_field_that_was_changed_everywhere_is_named(acme: Workspace, owner: Owner) -> None:
    mass = (
        "UPDATE events SET actor_name = 'Bob' WHERE workspace_id = :w AND seq BETWEEN 100 AND 400"
    )
    owner.does(mass)
    assert told(acme) == [
        "Events 100 to 400 aren’t what was sealed: actor.name, actor.email differ"
    ]


COPY = (
    "INSERT INTO events SELECT (json_populate_record(e, json_build_object({}))).* FROM events AS e"
    " WHERE workspace_id = :w AND seq = 55"
)
DELETE = "DELETE FROM events WHERE workspace_id = :w AND seq {}"
SWAP = "UPDATE events SET seq = {0} + {1} - seq WHERE workspace_id = :w AND seq IN ({0}, {1})"
OTHER = "id = gen_random_uuid(), received_at = now(), metadata = NULL, path = '/y'"
ROLLED_BACK = (
    "The log ends at 500 and 601 events were sealed: it was rolled back, or restored from a backup"
    " that is older than its seal"
)
SHORTER = "UPDATE log_heads SET seq = 500 WHERE workspace_id = :w"
MOVED = "The event that was sealed as number 55 has the number {} now"
ROWS = {
    "deleted": ([DELETE.format("= 300")], "Event 300 was sealed and is missing from the log"),
    "many deleted": (
        [DELETE.format("BETWEEN 250 AND 260")],
        "Events 250 to 260 were sealed and are missing from the log",
    ),
    "renumbered to the end": ([EDIT.format("seq = 700", 55)], MOVED.format(700)),
    "renumbered to another's": ([EDIT.format("seq = 56", 55)], MOVED.format(56)),
    "renumbered below 1": ([EDIT.format("seq = -3", 55)], MOVED.format(-3)),
    "swapped in a tile": ([SWAP.format(55, 58)], "Events 55 and 58 have changed places"),
    "swapped across tiles": ([SWAP.format(55, 600)], "Events 55 and 600 have changed places"),
    "inserted beyond": (
        [COPY.format("'id', gen_random_uuid(), 'seq', 700")],
        "A row has the number 700, and the log goes from 1 to 601",
    ),
    "inserted beside": (
        [COPY.format("'id', gen_random_uuid()")],
        "A row was slipped in at number 55: another event has it, or none was sealed",
    ),
    "replaced": (
        [EDIT.format(OTHER, 55)],
        "Another event stands at number 55 than the one that was sealed",
    ),
    "rolled back": ([DELETE.format("> 500"), SHORTER], ROLLED_BACK),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_are_named_by_number(acme: Workspace, owner: Owner, case: str) -> None:
    statements, words = ROWS[case]
    owner.does(*statements)
    assert told(acme) == [words]


OVER = "UPDATE {0} SET {1} = overlay({1} placing '\\xdeadbeef' from {2}) WHERE workspace_id = :w"
SEAL = {
    "leaf": (
        OVER.format("tree_leaves", "preimages", 5 * 40 + 12) + " AND n = 1",
        "The seal of event 262 was rewritten, and not what it seals",
    ),
    "seed": (
        OVER.format("tree_leaves", "seeds", 5 * 16 + 3) + " AND n = 1",
        "The seed in the seal of event 262 was changed",
    ),
    "tile": (
        OVER.format("tree_tiles", "hashes", 40),
        "The seal’s hash over the numbers 257 to 512 was rewritten, and none of their events",
    ),
    "root": (
        OVER.format("tree_heads", "root", 4),
        "The seal’s stored root is not that of its leaves",
    ),
    "tile is gone": (
        "DELETE FROM tree_leaves WHERE workspace_id = :w AND n = 1",
        "The seal of the numbers 257 to 512 is not whole",
    ),
}


@pytest.mark.parametrize("case", SEAL)
def test_what_was_rewritten_in_the_seal_is_named(acme: Workspace, owner: Owner, case: str) -> None:
    statement, words = SEAL[case]
    owner.does(statement)
    assert told(acme) == [words]


REWRITTEN = {
    "its leaf": ("leaf",),
    "its leaf and the hash above": ("leaf", "tile"),
    "all up to the root": ("leaf", "tile", "root"),
}


@pytest.mark.parametrize("seq", [300, 590])
@pytest.mark.parametrize("case", REWRITTEN)
def test_event_whose_seal_was_rewritten_to_fit_is_named(
    acme: Workspace, owner: Owner, case: str, seq: int
) -> None:
    owner.does(EDIT.format("path = '/other'", seq))
    owner.reseal(seq, *REWRITTEN[case])
    words = f"Event {seq} isn’t what was sealed: path differs, and its seal was rewritten to fit"
    assert words in told(acme)


def test_time_whose_seal_was_rewritten_to_fit_is_named(acme: Workspace, owner: Owner) -> None:
    owner.does(EDIT.format("occurred_at = occurred_at - interval '1 day'", 300))
    owner.reseal(300, "leaf", "tile", "root")
    finding, root = found(acme)
    assert root.words == "The seal’s stored root is not that of its leaves"
    assert [each.field for each in finding.fields] == ["occurred_at"]
    assert finding.fields[0].expected.value == "2026-11-25T10:05:59.123456Z"


def test_seal_that_was_rebuilt_in_full_is_held_against_what_was_signed(
    acme: Workspace, owner: Owner
) -> None:
    owner.does(EDIT.format("path = '/other'", 450))
    owner.reseal(450, "leaf", "tile", "root", "locators")
    [words] = told(acme)
    assert words.startswith("The log does not fit the checkpoint of 601 that was signed: one of")
    assert "the numbers 402 to 601 was changed" in words


def test_checkpoints_of_another_key_are_no_checkpoints(acme: Workspace, owner: Owner) -> None:
    owner.does(EDIT.format("path = '/other'", 450))
    owner.reseal(450, "leaf", "tile", "root", "locators")
    owner.resign()
    assert any("is not what the log signed" in words for words in told(acme))


def rebuild_with_the_key(acme: Workspace, owner: Owner) -> None:
    """Rewrite an event, its seal and the checkpoint, by who has the log's own key as well."""
    owner.does(
        EDIT.format("path = '/other'", 450),
        "DELETE FROM checkpoints WHERE workspace_id = :w AND size < 601",
    )
    owner.reseal(450, "leaf", "tile", "root", "locators")
    owner.resign(own_key(acme).secret)


def test_log_that_was_rebuilt_with_its_key_is_found_by_what_others_hold_alone(
    acme: Workspace, owner: Owner
) -> None:
    rebuild_with_the_key(acme, owner)
    assert told(acme) == []


def test_what_a_member_saw_tells_of_a_log_that_was_rebuilt_with_its_key(
    acme: Workspace, owner: Owner
) -> None:
    member = make_member(acme, Role.AUDITOR)
    with scoped(acme.id, user=member.id) as session:
        head = session.execute(select(tree_heads.c.size, tree_heads.c.root)).one()
        seen = {"workspace_id": acme.id, "user_id": member.id, "at": func.now()}
        session.execute(insert(seals_seen).values(**seen, size=head.size, root=head.root))
        session.commit()
    rebuild_with_the_key(acme, owner)
    [words] = told(acme)
    assert words.startswith("The log does not fit the checkpoint of 601 that a member saw at")


def test_what_is_held_outside_tells_of_a_log_that_was_rebuilt_with_its_key(
    acme: Workspace, owner: Owner
) -> None:
    with scoped(acme.id) as session:
        signed = checkpoints.newest(session, acme.id)
        assert signed is not None
        head = Checkpoint("", signed.size, signed.root)
        outside.note_held(session, acme.id, "Brandt & Osei", head, signed.note)
        session.commit()
    rebuild_with_the_key(acme, owner)
    [words] = told(acme)
    assert "does not fit the checkpoint of 601 that Brandt & Osei holds" in words


def test_finding_holds_what_was_sealed_and_its_proof(acme: Workspace, owner: Owner) -> None:
    owner.does(EDIT.format("path = '/other'", 300))
    [finding] = found(acme)
    sealed = finding.details["sealed"]
    text, _ = notes.split(sealed["checkpoint"])
    head = Checkpoint.parse(text)
    merkle.check_inclusion(
        299,
        head.size,
        leaf_hash(300, bytes.fromhex(sealed["kept"])),
        [notes.unbase64(each) for each in sealed["proof"]],
        head.root,
    )


def test_untouched_log_is_as_it_was_sealed(acme: Workspace) -> None:
    assert found(acme) == []


def test_log_without_a_seal_tells_nothing(owner_engine: Engine) -> None:
    """The control: what is found above is found by the seal."""
    unsealed = make_workspace()
    append_events(unsealed, [given(i) for i in range(600)])
    with unguarded(owner_engine, unsealed.id) as owner:
        for statements, _ in ROWS.values():
            owner.does(*statements)
            assert found(unsealed) == []
            owner.take_back()
