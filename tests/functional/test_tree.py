"""The tree over a log: grown behind it, signed, and proving what is in it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from auditsaas.events.models import events
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS
from auditsaas.events.stored import stored_event
from auditsaas.evidence.format import leaf, merkle, notes
from auditsaas.evidence.format.notes import VerifierKey
from auditsaas.evidence.tree import checkpoints, proofs
from auditsaas.evidence.tree.store import Tree
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.log_state import in_log, stored
from tests.support.sealing import seal, vkey

SIZES = (300, 1, 700, 12, 500)
"""Events between seals: within a tile, over the end of one, over several."""


@pytest.fixture(scope="module")
def grown(engine: object) -> Workspace:
    """A log that was sealed as it grew."""
    workspace = make_workspace()
    for size in SIZES:
        append_events(workspace, [event_input(metadata={"n": n, "x": n / 4}) for n in range(size)])
        seal(workspace)
    return workspace


def test_root_is_that_of_the_leaves_of_all_events(grown: Workspace) -> None:
    sealed = seal(grown)
    with scoped(grown.id) as session:
        tree = Tree.of(session, grown.id)
        kept, seeds = list(tree.preimages(1, tree.size)), list(tree.seeds(1, tree.size))
        rows = session.execute(select(*ROW_COLUMNS).order_by(events.c.seq)).all()
    pairs = zip(rows, seeds, strict=True)
    assert kept == [leaf.preimage_of(stored_event(row, "x"), seed) for row, seed in pairs]
    leaves = [leaf.leaf_hash(seq, one) for seq, one in enumerate(kept, 1)]
    assert (sealed.size, sealed.root) == (len(rows), merkle.root_of(leaves))


def test_checkpoint_is_signed_by_the_key_of_the_log(grown: Workspace) -> None:
    key = VerifierKey.parse(vkey(grown))
    sealed = seal(grown)
    read = notes.checkpoint(sealed.note, key)
    assert (read.origin, read.size, read.root) == (key.name, sealed.size, sealed.root)
    assert read.origin.endswith(f"/log/{grown.id}")


@pytest.mark.parametrize("seq", [1, 255, 256, 257, 1000])
def test_event_is_proven_by_its_number(grown: Workspace, seq: int) -> None:
    with scoped(grown.id) as session:
        tree = Tree.of(session, grown.id)
        [kept] = tree.preimages(seq, seq)
        proof = proofs.inclusion(tree, seq)
        merkle.check_inclusion(seq - 1, tree.size, leaf.leaf_hash(seq, kept), proof, tree.root)


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_checkpoint_is_consistent_with_each_before(grown: Workspace, index: int) -> None:
    with scoped(grown.id) as session:
        tree = Tree.of(session, grown.id)
        old = checkpoints.at_size(session, grown.id, sum(SIZES[: index + 1]) + 1)
        assert old is not None
        proof = proofs.consistency(tree, old.size)
        merkle.check_consistency(old.size, tree.size, proof, old.root, tree.root)


def test_tree_of_an_older_size_has_the_root_of_its_checkpoint(grown: Workspace) -> None:
    with scoped(grown.id) as session:
        old = checkpoints.at_size(session, grown.id, sum(SIZES[:3]) + 1)
        assert old is not None
        assert Tree.of(session, grown.id, old.size).root == old.root


def test_log_without_new_events_gets_no_checkpoint(grown: Workspace) -> None:
    assert seal(grown) == seal(grown)


def test_state_tells_how_far_the_log_is_sealed(workspace: Workspace) -> None:
    append_events(workspace, [event_input()] * 3)
    with scoped(workspace.id) as session:
        before = checkpoints.state(session, workspace.id)
    seal(workspace)
    with scoped(workspace.id) as session:
        after = checkpoints.state(session, workspace.id)
    assert (before.behind, before.taken_in) == (3, None)
    assert before.lag_since is not None
    assert (after.behind, after.size, after.taken_in) == (0, in_log(workspace)[0], 3)
    assert after.lag_since is None


def test_first_key_is_told_in_the_log_with_what_was_there_before(workspace: Workspace) -> None:
    append_events(workspace, [event_input()] * 3)
    seal(workspace)
    told = stored(workspace)[-1]
    assert (told.activity, told.source) == ("tree.key_create", "product")
    assert told.metadata == {"key": vkey(workspace), "taken_in": 3}


def test_log_without_a_tree_gets_one_key_however_often_it_is_sealed(grown: Workspace) -> None:
    seal(grown)
    assert [row.activity for row in stored(grown)].count("tree.key_create") == 1
