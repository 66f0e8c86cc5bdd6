"""Leaves of events that went long ago go too: what is left still proves, and the rest says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text, update

from auditsaas.events.maintenance import retention
from auditsaas.evidence import seen
from auditsaas.evidence.checking import scanning
from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.seen import SeenHead
from auditsaas.evidence.tree import proofs
from auditsaas.evidence.tree.store import Tree, TreePruned
from auditsaas.evidence.tree.upkeep import pruning
from auditsaas.pages.evidence import head as heads
from auditsaas.pages.evidence import looking_back
from auditsaas.workspaces.models import Workspace
from tests.support.bundles import Proving
from tests.support.factories import (
    Sessions,
    append_events,
    as_owner,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.proving import get
from tests.support.sealing import seal

NOW = datetime.now(UTC)
YEARS = timedelta(days=3 * 366)
OLD = NOW - timedelta(days=4 * 366)


@pytest.fixture(scope="module")
def log(engine: Engine, owner_engine: Engine) -> Workspace:
    """A log whose first 600 events were removed long after they occurred; two tiles were pruned."""
    with Sessions.begin() as session:
        known = session.scalars(select(Workspace.id)).all()
    workspace = make_workspace()
    append_events(workspace, [event_input(occurred_at=OLD.isoformat()) for _ in range(600)])
    seal(workspace)
    append_events(workspace, [event_input() for _ in range(300)])
    seal(workspace)
    with as_owner(*known, workspace.id) as owner:
        owner.execute(update(Workspace).values(retention_days=None, legal_hold=False))
        mine = Workspace.id == workspace.id
        owner.execute(update(Workspace).where(mine).values(retention_days=30))
        owner.commit()
    retention.apply(owner_engine, NOW)
    assert pruning.prune(owner_engine, OLD) == 0
    assert pruning.prune(owner_engine, NOW - YEARS) == 512
    assert pruning.prune(owner_engine, NOW - YEARS) == 0
    return workspace


def test_root_and_proofs_of_what_is_left_hold(log: Workspace) -> None:
    with scoped(log.id) as session:
        head = session.execute(select(tree_heads)).one()
        tree = Tree.of(session, log.id)
        assert (tree.root, head.pruned_to) == (head.root, 512)
        for seq in (513, 600, 601, 768, tree.size):
            [kept] = tree.preimages(seq, seq)
            path = proofs.inclusion(tree, seq)
            merkle.check_inclusion(seq - 1, tree.size, leaf.leaf_hash(seq, kept), path, tree.root)
        assert len(proofs.outside(tree, 601, tree.size)) > 0
        assert len(proofs.consistency(tree, 512)) > 0


@pytest.mark.parametrize("seq", [1, 512])
def test_what_went_says_so(log: Workspace, seq: int) -> None:
    with scoped(log.id) as session:
        tree = Tree.of(session, log.id)
        for ask in (
            lambda: proofs.inclusion(tree, seq),
            lambda: list(tree.preimages(seq, 600)),
            lambda: proofs.consistency(tree, 200),
        ):
            with pytest.raises(TreePruned, match="up to 512"):
                ask()


def test_consistency_from_before_is_answered_in_words(client: FlaskClient, log: Workspace) -> None:
    answer = get(client, make_api_key(log), "/tree/consistency", **{"from": 200})
    assert answer.status_code == 410
    assert answer.json is not None
    assert "TREE_KEEP_YEARS" in answer.json["detail"]


def test_check_of_everything_finds_nothing_and_an_event_where_leaves_went(
    log: Workspace,
) -> None:
    with scoped(log.id) as session:
        assert scanning.check(session, log.id) == []
    put_back(log, 601, 7)
    with scoped(log.id) as session:
        assert scanning.check(session, log.id) != []
    put_back(log, 7, 601)


def put_back(log: Workspace, before: int, after: int) -> None:
    with as_owner(log.id) as owner:
        owner.execute(text("SET LOCAL auditsaas.erasing = 'yes'"))
        owner.execute(
            text("UPDATE events SET seq = :after WHERE seq = :before"),
            {"before": before, "after": after},
        )
        owner.commit()


def test_page_compares_nothing_with_what_was_seen_of_leaves_that_went(
    app: Flask, log: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scoped(log.id) as session:
        tree = Tree.of(session, log.id)
        old = SeenHead(200, bytes(32), NOW)
        monkeypatch.setattr(seen, "last_seen", lambda *_: old)
        head = heads.read(session, log)
        assert looking_back.read(session, log.id, log.id, head) is None
        younger = replace(old, size=tree.size, root=tree.root)
        monkeypatch.setattr(seen, "last_seen", lambda *_: younger)
        found = looking_back.read(session, log.id, log.id, head)
    assert found is not None
    assert found.began_so


def test_log_grows_on_after_leaves_went(log: Workspace) -> None:
    append_events(log, [event_input() for _ in range(300)])
    sealed = seal(log)
    with scoped(log.id) as session:
        assert Tree.of(session, log.id).root == sealed.root
        assert scanning.check(session, log.id) == []


def test_file_that_begins_where_leaves_went_is_refused_in_words(
    app: Flask, log: Workspace, tmp_path: Path
) -> None:
    row = Proving(app, make_member(log), log, tmp_path).made()
    assert row.state == "failed"
    assert "TREE_KEEP_YEARS" in row.error
