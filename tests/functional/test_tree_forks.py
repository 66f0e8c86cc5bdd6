"""A log that was brought back from a backup signs no second history, and says which is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update

from auditsaas.evidence.format import merkle, notes
from auditsaas.evidence.format.notes import Checkpoint
from auditsaas.evidence.models import checkpoints as checkpoint_rows
from auditsaas.evidence.models import tree_heads, tree_tiles
from auditsaas.evidence.tree import checkpoints, growing, keys, proofs
from auditsaas.evidence.tree.checkpoints import Sealed, SealState
from auditsaas.evidence.tree.key_folder import KeyFolder
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.tree.upkeep import thinning
from auditsaas.evidence.witnesses import outside
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.commands import Commands
from tests.support.factories import append_events, as_owner, event_input, scoped
from tests.support.log_state import stored
from tests.support.sealing import Backup, seal


@pytest.fixture
def filed(settings: Settings, tmp_path: Path) -> Settings:
    """The installation with TREE_KEYS."""
    return replace(settings, tree_keys=tmp_path / "keys")


@pytest.fixture
def ring(filed: Settings) -> Keyring:
    return Keyring.of(filed)


@pytest.fixture
def run(filed: Settings) -> Commands:
    assert filed.tree_keys is not None
    return Commands(filed, TREE_KEYS=filed.tree_keys.as_uri())


def state(workspace: Workspace) -> SealState:
    with scoped(workspace.id) as session:
        return checkpoints.state(session, workspace.id)


def grow(workspace: Workspace, ring: Keyring, more: int) -> SealState:
    append_events(workspace, [event_input()] * more)
    with scoped(workspace.id) as session:
        growing.grow(workspace.id, ring, at_once=True, session=session)
    return state(workspace)


@pytest.fixture
def backup(workspace: Workspace, ring: Keyring) -> Backup:
    """A backup of eleven sealed events; ten more were sealed since."""
    grow(workspace, ring, 10)
    made = Backup(workspace)
    grow(workspace, ring, 10)
    return made


@pytest.mark.usefixtures("backup")
def test_log_that_was_never_brought_back_goes_on(workspace: Workspace, ring: Keyring) -> None:
    assert grow(workspace, ring, 3).state == "growing"


def test_older_backup_is_found_by_the_size_that_was_signed(
    workspace: Workspace, ring: Keyring, backup: Backup
) -> None:
    backup.restore()
    found = grow(workspace, ring, 3)
    assert (found.state, found.sealed_size) == ("forked", 11)
    assert "knows a checkpoint of 21 events" in (found.reason or "")
    assert "The one with the events to 21 is missing" in (found.reason or "")


def test_older_backup_is_found_by_the_root_where_the_log_has_grown_beyond(
    workspace: Workspace, ring: Keyring, backup: Backup
) -> None:
    backup.restore()
    found = grow(workspace, ring, 30)
    assert (found.state, found.sealed_size) == ("forked", 11)
    assert "has other events up to there" in (found.reason or "")


def test_fork_is_told_in_the_log(workspace: Workspace, ring: Keyring, backup: Backup) -> None:
    backup.restore()
    found = grow(workspace, ring, 3)
    told = stored(workspace)[-1]
    assert told.activity == "tree.mismatch"
    assert told.metadata["findings"][0]["words"] == found.reason


def test_forked_log_neither_grows_nor_signs(
    workspace: Workspace, ring: Keyring, backup: Backup
) -> None:
    backup.restore()
    before = grow(workspace, ring, 3)
    after = grow(workspace, ring, 3)
    assert (after.size, after.sealed_size) == (before.size, 11)


def test_log_goes_on_once_the_missing_backup_is_back(
    workspace: Workspace, ring: Keyring, backup: Backup
) -> None:
    newest = Backup(workspace)
    backup.restore()
    grow(workspace, ring, 3)
    newest.restore()
    found = grow(workspace, ring, 3)
    assert (found.state, found.sealed_size) == ("growing", 24)


def test_head_that_another_holds_is_found_without_a_folder(
    workspace: Workspace, settings: Settings
) -> None:
    ring = Keyring.of(settings)
    grow(workspace, ring, 10)
    older = Backup(workspace)
    grow(workspace, ring, 10)
    with scoped(workspace.id) as session:
        sealed = checkpoints.newest(session, workspace.id)
        assert sealed is not None
        held = notes.Checkpoint.parse(notes.split(sealed.note)[0])
        outside.note_held(session, workspace.id, "the auditor", held, sealed.note)
        session.commit()
    older.restore()
    found = grow(workspace, ring, 3)
    assert found.state == "forked"
    assert "The auditor holds a checkpoint of 21 events" in (found.reason or "")


def sealed_now(workspace: Workspace) -> tuple[Sealed, Checkpoint]:
    with scoped(workspace.id) as session:
        sealed = checkpoints.newest(session, workspace.id)
        known = keys.verifier_keys(session, workspace.id)
    assert sealed is not None
    return sealed, notes.checkpoint(sealed.note, known[-1].verifier)


@pytest.fixture
def forked(workspace: Workspace, ring: Keyring, backup: Backup) -> Workspace:
    backup.restore()
    assert grow(workspace, ring, 3).state == "forked"
    return workspace


def test_another_log_begins_over_the_same_events(
    forked: Workspace, ring: Keyring, run: Commands
) -> None:
    said = run.done("tree", "begin-anew", forked.slug, "--reason", "The disk of Monday is lost.")
    found = grow(forked, ring, 2)
    assert (found.state, found.behind) == ("growing", 0)
    sealed, read = sealed_now(forked)
    assert read.origin.endswith(f"/log/{forked.id}/2")
    assert read.origin in said
    with scoped(forked.id) as session:
        assert Tree.of(session, forked.id).root == sealed.root


def test_log_that_ended_is_told_with_what_was_signed_of_it(
    forked: Workspace, ring: Keyring, run: Commands
) -> None:
    run.done("tree", "begin-anew", forked.slug, "--reason", "The disk of Monday is lost.")
    told = stored(forked)[-1]
    assert (told.activity, told.source) == ("tree.begin_anew", "product")
    assert told.metadata["reason"] == "The disk of Monday is lost."
    assert told.metadata["closed"]["size"] == 21
    with scoped(forked.id) as session:
        [closed] = session.scalars(select(tree_heads.c.closed)).one()
        assert ring.folder is not None
        assert ring.folder.signed(forked.id, closed["origin"]) is not None
    assert (closed["size"], closed["reason"]) == (21, "The disk of Monday is lost.")


def test_key_of_the_log_that_ended_is_destroyed(
    forked: Workspace, ring: Keyring, run: Commands
) -> None:
    run.done("tree", "begin-anew", forked.slug, "--reason", "Lost.")
    assert isinstance(ring.folder, KeyFolder)
    [left] = (ring.folder.path / str(forked.id)).glob("*.key")
    with scoped(forked.id) as session:
        old, new = keys.verifier_keys(session, forked.id)
    assert (left.stem, old.retired_at is None, new.retired_at) == (str(new.id), False, None)


def test_head_of_the_log_that_ended_does_not_fork_the_next(
    forked: Workspace, ring: Keyring, run: Commands
) -> None:
    with scoped(forked.id) as session:
        old = keys.signers(session, forked.id, ring)[0].key
        note = Checkpoint(old.name, 500, bytes(32)).signed_by(old)
        outside.note_shown(session, forked.id, "the auditor", note)
        session.commit()
    run.done("tree", "begin-anew", forked.slug, "--reason", "Lost.")
    assert grow(forked, ring, 2).state == "growing"
    sealed, read = sealed_now(forked)
    with scoped(forked.id) as session:
        outside.note_held(session, forked.id, "the auditor", read, sealed.note)
        assert [head.size for head in outside.known(session, forked.id)] == [sealed.size]


@pytest.fixture
def damaged(workspace: Workspace, ring: Keyring) -> Workspace:
    """A log whose stored tree was changed by the owner of the tables."""
    grow(workspace, ring, 600)
    with as_owner(workspace.id) as session:
        session.execute(text("ALTER TABLE tree_tiles NO FORCE ROW LEVEL SECURITY"))
        changed = update(tree_tiles).where(tree_tiles.c.workspace_id == workspace.id)
        session.execute(changed.values(hashes=bytes(64)))
        session.execute(text("ALTER TABLE tree_tiles FORCE ROW LEVEL SECURITY"))
        session.commit()
    return workspace


def test_tree_that_was_changed_signs_nothing_more(damaged: Workspace, ring: Keyring) -> None:
    found = grow(damaged, ring, 2)
    assert (found.state, found.sealed_size) == ("forked", 601)
    assert "The stored tree was changed" in (found.reason or "")


def test_tree_that_was_changed_is_made_anew_where_that_is_asked_for(
    damaged: Workspace, ring: Keyring, run: Commands
) -> None:
    grow(damaged, ring, 2)
    words = ("tree", "begin-anew", damaged.slug, "--reason", "Changed.")
    assert "--rebuild" in run.refused(*words)
    run.done(*words, "--rebuild")
    found = grow(damaged, ring, 2)
    assert (found.state, found.behind) == ("growing", 0)
    sealed, _ = sealed_now(damaged)
    with scoped(damaged.id) as session:
        tree = Tree.of(session, damaged.id)
        hashed = tree.node(0, 299)
        merkle.check_inclusion(299, sealed.size, hashed, proofs.inclusion(tree, 300), sealed.root)


def test_check_says_what_contradicts_and_lets_a_log_go_on_when_nothing_does(
    forked: Workspace, run: Commands, ring: Keyring
) -> None:
    result = run("tree", "signed", forked.slug)
    assert (result.exit_code, "checkpoint of 21 events" in result.stdout) == (1, True)
    assert ring.folder is not None
    (ring.folder.path / str(forked.id) / "signed.json").unlink()
    assert "it signs again" in run.done("tree", "signed", forked.slug)
    assert grow(forked, ring, 1).state == "growing"


def test_status_tells_how_far_each_log_is(workspace: Workspace, run: Commands) -> None:
    append_events(workspace, [event_input()] * 3)
    [before] = run.listed("tree", "status", workspace.slug)
    assert (before["state"], before["events"], before["sealed"]) == ("being taken in", 3, 0)
    seal(workspace)
    [after] = run.listed("tree", "status", workspace.slug)
    assert (after["state"], after["sealed"], after["progress"]) == ("sealed", 4, "100 %")
    assert "signs: " in run.done("tree", "status", workspace.slug)
    assert "There is no workspace" in run.refused("tree", "status", "nowhere")


def test_status_of_a_forked_log_ends_with_one(forked: Workspace, run: Commands) -> None:
    assert run("tree", "status", forked.slug).exit_code == 1


def test_old_checkpoints_are_thinned_to_one_a_day_and_those_that_are_kept(
    workspace: Workspace, ring: Keyring, owner_engine: Engine
) -> None:
    for _ in range(5):
        grow(workspace, ring, 1)
    with as_owner(workspace.id) as session:
        early = checkpoint_rows.c.size < 5
        moved = update(checkpoint_rows).where(checkpoint_rows.c.workspace_id == workspace.id, early)
        session.execute(moved.values(at=text("date_trunc('day', now()) - interval '9 days'")))
        session.commit()
        checkpoints.keep(session, workspace.id, 2)
        session.commit()
    thinning.thin(owner_engine)
    with scoped(workspace.id) as session:
        assert sorted(session.scalars(select(checkpoint_rows.c.size))) == [2, 4, 5, 6]
