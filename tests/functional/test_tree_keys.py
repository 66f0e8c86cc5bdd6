"""Keys of logs: where their secrets are, how they change, and what they refuse to sign."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, text

from auditsaas.evidence.format import merkle, notes
from auditsaas.evidence.format.notes import VerifierKey
from auditsaas.evidence.models import tree_keys
from auditsaas.evidence.tree import checkpoints, keys, proofs
from auditsaas.evidence.tree.checkpoints import Sealed, SealState
from auditsaas.evidence.tree.key_folder import SecretMissing
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.store import Tree
from auditsaas.operations import secret_rotation
from auditsaas.workspaces.models import Workspace
from config.secret_keys import SecretKeys
from config.settings import Settings
from tests.support.commands import Commands
from tests.support.factories import append_events, as_owner, event_input, scoped
from tests.support.log_state import stored
from tests.support.sealing import seal, vkey


@pytest.fixture
def run(settings: Settings) -> Commands:
    return Commands(settings)


@pytest.fixture
def filed(settings: Settings, tmp_path: Path) -> Settings:
    """The installation with TREE_KEYS."""
    return replace(settings, tree_keys=tmp_path / "keys")


@pytest.fixture
def ring(filed: Settings) -> Keyring:
    return Keyring.of(filed)


@pytest.fixture
def run_filed(filed: Settings) -> Commands:
    assert filed.tree_keys is not None
    return Commands(filed, TREE_KEYS=filed.tree_keys.as_uri())


def state(workspace: Workspace) -> SealState:
    with scoped(workspace.id) as session:
        return checkpoints.state(session, workspace.id)


def vkeys(workspace: Workspace) -> list[VerifierKey]:
    with scoped(workspace.id) as session:
        return [key.verifier for key in keys.verifier_keys(session, workspace.id)]


def signers_of(sealed: Sealed, workspace: Workspace) -> list[VerifierKey]:
    return notes.opened(sealed.note, vkeys(workspace))[1]


def grown(workspace: Workspace, ring: Keyring | None = None, more: int = 3) -> Sealed:
    append_events(workspace, [event_input()] * more)
    return seal(workspace, ring=ring)


def files_of(ring: Keyring, workspace: Workspace) -> list[Path]:
    assert ring.folder is not None
    return sorted((ring.folder.path / str(workspace.id)).glob("*.key"))


def test_origin_has_the_host_and_port_of_the_address_people_use() -> None:
    identity = Workspace(id=None)
    assert keys.origin("https://audit.example.com", identity.id) == "audit.example.com/log/None"
    assert keys.origin("http://127.0.0.1:8000", identity.id) == "127.0.0.1:8000/log/None"


def test_origin_stays_where_the_installation_moves(
    workspace: Workspace, settings: Settings, run: Commands
) -> None:
    grown(workspace)
    moved = replace(settings, base_url="https://moved.example.com")
    origin = notes.checkpoint(grown(workspace, Keyring.of(moved)).note, *vkeys(workspace)).origin
    run_moved = Commands(moved)
    run_moved.done("tree", "key-rotate", workspace.slug)
    assert {key.name for key in vkeys(workspace)} == {origin}
    assert urlsplit(settings.base_url).netloc == origin.partition("/")[0]


def test_secret_is_sealed_in_the_database_without_a_folder(workspace: Workspace) -> None:
    grown(workspace)
    with scoped(workspace.id) as session:
        [sealed] = session.scalars(select(tree_keys.c.sealed)).all()
    assert sealed


def test_secret_in_the_folder_is_read_by_its_owner_alone(
    workspace: Workspace, ring: Keyring
) -> None:
    grown(workspace, ring)
    [file] = files_of(ring, workspace)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with scoped(workspace.id) as session:
        assert session.scalars(select(tree_keys.c.sealed)).all() == [None]


def test_process_without_the_folder_signs_nothing(workspace: Workspace, ring: Keyring) -> None:
    sealed = grown(workspace, ring)
    append_events(workspace, [event_input()])
    with pytest.raises(SecretMissing, match="TREE_KEYS"):
        seal(workspace)
    with scoped(workspace.id) as session:
        assert checkpoints.newest(session, workspace.id) == sealed


def test_new_key_is_told_by_an_event_and_signs_beside_the_old(
    workspace: Workspace, run: Commands
) -> None:
    old = VerifierKey.parse(vkey(workspace)) if grown(workspace) else None
    said = run.done("tree", "key-rotate", workspace.slug)
    told = stored(workspace)[-1]
    new = VerifierKey.parse(told.metadata["key"])
    assert (told.activity, told.source) == ("tree.key_rotate", "product")
    assert str(new) in said
    assert signers_of(grown(workspace), workspace) == [old, new]


def test_verifier_of_the_old_key_follows_to_the_new_one(
    workspace: Workspace, run: Commands
) -> None:
    grown(workspace)
    old = VerifierKey.parse(vkey(workspace))
    run.done("tree", "key-rotate", workspace.slug)
    told = stored(workspace)[-1]
    trusted = notes.checkpoint(grown(workspace).note, old)
    with scoped(workspace.id) as session:
        tree = Tree.of(session, workspace.id, trusted.size)
        proof = proofs.inclusion(tree, told.seq)
        hashed = tree.node(0, told.seq - 1)
        merkle.check_inclusion(told.seq - 1, trusted.size, hashed, proof, trusted.root)


def put_back(workspace: Workspace, hours: int) -> None:
    """Let what was signed be older."""
    moved = (
        "UPDATE checkpoints SET at = at - make_interval(hours => :hours) WHERE workspace_id = :w"
    )
    with as_owner(workspace.id) as session:
        session.execute(text(moved), {"hours": hours, "w": workspace.id})
        session.commit()


@pytest.mark.parametrize(("hours", "number"), [(23, 2), (25, 1)])
def test_old_key_signs_until_both_have_for_a_day(
    workspace: Workspace, run: Commands, hours: int, number: int
) -> None:
    grown(workspace)
    run.done("tree", "key-rotate", workspace.slug)
    grown(workspace)
    put_back(workspace, hours)
    grown(workspace)
    assert len(signers_of(grown(workspace), workspace)) == number


def test_old_checkpoint_from_before_the_change_does_not_retire_the_old_key(
    workspace: Workspace, run: Commands
) -> None:
    grown(workspace)
    put_back(workspace, 48)
    run.done("tree", "key-rotate", workspace.slug)
    grown(workspace)
    assert len(signers_of(grown(workspace), workspace)) == 2


def test_secret_of_the_old_key_is_destroyed(
    workspace: Workspace, ring: Keyring, run_filed: Commands
) -> None:
    grown(workspace, ring)
    [old] = files_of(ring, workspace)
    run_filed.done("tree", "key-rotate", workspace.slug)
    grown(workspace, ring)
    assert len(files_of(ring, workspace)) == 2
    put_back(workspace, 25)
    grown(workspace, ring)
    assert old not in files_of(ring, workspace)
    with scoped(workspace.id) as session:
        retired = select(tree_keys.c.sealed).where(tree_keys.c.retired_at.is_not(None))
        assert session.scalars(retired).all() == [None]


def test_sealed_key_gives_way_to_one_in_the_folder(
    workspace: Workspace, ring: Keyring, run_filed: Commands
) -> None:
    grown(workspace)
    run_filed.done("tree", "key-rotate", workspace.slug)
    assert len(signers_of(grown(workspace, ring), workspace)) == 2
    assert len(files_of(ring, workspace)) == 1


def test_key_of_a_log_without_events_is_not_changed(workspace: Workspace, run: Commands) -> None:
    assert "has no key yet" in run.refused("tree", "key-rotate", workspace.slug)


def test_keys_of_logs_are_sealed_anew_when_the_secret_is_changed(
    workspace: Workspace, settings: Settings
) -> None:
    grown(workspace)
    other = SecretKeys("another key " * 4, (settings.secret_key,))
    with as_owner() as session:
        done = secret_rotation.rotate(session, other, lambda *_: None)
        assert done["keys of logs"] >= 1
        assert secret_rotation.openings(session, other)["keys of logs"].fallback == 0
    sealed_by_other = replace(Keyring.of(settings), secret_keys=SecretKeys(other.current))
    assert grown(workspace, sealed_by_other).size == 7
    with as_owner() as session:
        back = SecretKeys(settings.secret_key, (other.current,))
        secret_rotation.rotate(session, back, lambda *_: None)
    assert grown(workspace).size == 10


def test_key_of_another_secret_says_what_is_missing(
    workspace: Workspace, settings: Settings
) -> None:
    grown(workspace)
    lost = replace(Keyring.of(settings), secret_keys=SecretKeys("a key that sealed nothing " * 2))
    append_events(workspace, [event_input()])
    with pytest.raises(SecretMissing, match="SECRET_KEY_FALLBACKS"):
        seal(workspace, ring=lost)
