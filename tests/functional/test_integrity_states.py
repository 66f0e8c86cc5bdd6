"""The page that tells whether a log is what was sealed, in each of its states."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import VerifierKey
from auditsaas.evidence.models import checkpoints, seals_seen, tree_heads
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.rewriting import rewrite
from tests.support.sealing import seal, vkey

Browser = Callable[[User], FlaskClient]
DAYS = timedelta(days=3)


@pytest.fixture
def auditor(acme: Workspace) -> User:
    append_events(acme, [event_input()] * 3)
    return make_member(acme, Role.AUDITOR)


@pytest.fixture
def page(browser: Browser, auditor: User, acme: Workspace) -> Callable[[], str]:
    """Opens the page as an auditor, and returns its words."""
    client = browser(auditor)

    def opened() -> str:
        answer = client.get(f"/w/{acme.slug}/integrity")
        assert answer.status_code == 200, answer.text
        return words(answer.text)

    return opened


def words(html: str) -> str:
    """The text of a page, behind its marks for tests."""
    marks = re.findall(r'data-(?:verdict|size|behind)="[^"]*"', html)
    return " ".join([*marks, *re.sub(r"<[^>]+>", " ", html).split()])


def head(acme: Workspace, **columns: Any) -> None:
    with scoped(acme.id) as session:
        here = tree_heads.c.workspace_id == acme.id
        session.execute(update(tree_heads).where(here).values(**columns))
        session.commit()


def seen(acme: Workspace, person: User, **columns: Any) -> None:
    """Change what is remembered of a person's last look."""
    with scoped(acme.id, user=person.id) as session:
        session.execute(update(seals_seen).values(**columns))
        session.commit()


def test_log_without_a_seal_says_that_it_waits(page: Callable[[], str]) -> None:
    shown = page()
    assert 'data-verdict="fresh"' in shown
    assert "Not sealed yet" in shown
    assert "sealed until" not in shown


def test_sealed_log_shows_its_size_root_and_key(page: Callable[[], str], acme: Workspace) -> None:
    sealed = seal(acme)
    shown = page()
    assert 'data-verdict="sealed"' in shown
    assert f'data-size="{sealed.size}" data-behind="0"' in shown
    assert f"{sealed.size} events" in shown
    assert sealed.root.hex()[:8] in shown
    assert vkey(acme).partition("+")[2] in shown
    assert "The database, sealed by the installation’s secret" in shown
    assert "nothing changed" not in shown


def test_second_look_says_since_when_nothing_changed(
    page: Callable[[], str], acme: Workspace, auditor: User
) -> None:
    seal(acme)
    page()
    at = datetime.now(UTC) - DAYS
    seen(acme, auditor, at=at)
    append_events(acme, [event_input()] * 300)
    seal(acme)
    assert f"nothing changed since you last looked on {at:%m/%d}" in page()


@pytest.mark.parametrize("wrong", [{"root": bytes(32)}, {"size": 10**6}])
def test_log_that_did_not_begin_as_it_was_seen_is_told(
    page: Callable[[], str], acme: Workspace, auditor: User, wrong: dict[str, Any]
) -> None:
    seal(acme)
    page()
    seen(acme, auditor, **wrong)
    append_events(acme, [event_input()] * 300)
    seal(acme)
    for _ in range(2):
        assert 'data-verdict="contradicted"' in page()


def test_log_that_is_behind_says_how_many_wait_and_since_when(
    page: Callable[[], str], acme: Workspace
) -> None:
    seal(acme)
    append_events(acme, [event_input()] * 2)
    assert 'data-verdict="sealed"' in page()
    rewrite(acme, received_at=events.c.received_at - timedelta(minutes=5))
    shown = page()
    assert 'data-verdict="behind"' in shown
    assert 'data-behind="2"' in shown
    assert "2 wait" in shown


def test_log_that_is_taken_in_shows_how_far(page: Callable[[], str], acme: Workspace) -> None:
    size = seal(acme).size
    head(acme, taken_in=4 * size)
    shown = page()
    assert 'data-verdict="taken in"' in shown
    assert f"{size} of {4 * size} events" in shown


def test_log_that_is_forked_says_why(page: Callable[[], str], acme: Workspace) -> None:
    seal(acme)
    head(acme, state="forked", reason="Somebody holds a newer checkpoint.")
    shown = page()
    assert 'data-verdict="forked"' in shown
    assert "Somebody holds a newer checkpoint." in shown


def test_log_that_was_begun_anew_says_why_and_is_seen_anew(
    page: Callable[[], str], acme: Workspace, auditor: User
) -> None:
    seal(acme)
    page()
    seen(acme, auditor, root=bytes(32))
    closing = {"at": datetime.now(UTC).isoformat(), "reason": "A disk died.", "size": 2}
    with as_owner(acme.id) as session:
        session.execute(update(tree_heads).values(closed=[closing]))
        session.commit()
    shown = page()
    assert 'data-verdict="sealed"' in shown
    assert "with 2 events signed, and began it anew: A disk died." in shown


def test_log_that_is_older_than_sealing_says_so(page: Callable[[], str], acme: Workspace) -> None:
    seal(acme)
    assert "before sealing began" not in page()
    with as_owner(acme.id) as session:
        session.merge(acme).created_at -= DAYS
        session.commit()
    assert "before sealing began" in page()


def test_checkpoint_is_handed_out_and_kept_for_good(
    browser: Browser, auditor: User, acme: Workspace
) -> None:
    sealed, client = seal(acme), browser(auditor)
    answer = client.get(f"/w/{acme.slug}/integrity/checkpoint")
    read = notes.checkpoint(answer.text, VerifierKey.parse(vkey(acme)))
    assert (read.size, read.root) == (sealed.size, sealed.root)
    assert f"{acme.slug}-{sealed.size}.checkpoint" in answer.headers["Content-Disposition"]
    assert client.get(f"/w/{acme.slug}/integrity/keys").text == f"{vkey(acme)}\n"
    with scoped(acme.id) as session:
        kept = select(checkpoints.c.kept).where(checkpoints.c.size == sealed.size)
        assert session.scalar(kept) is True


def test_verifier_is_handed_out_to_everybody_as_the_page_says(
    page: Callable[[], str], client: FlaskClient
) -> None:
    answer = client.get("/auditlog_verify.py")
    text = answer.data
    assert text.startswith(b"#!/usr/bin/env python3")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    digest = hashlib.sha256(text).hexdigest()
    assert f"{digest[:8]}…{digest[-8:]}" in page()


@pytest.mark.parametrize("file", ["checkpoint", "keys"])
def test_unsealed_log_hands_out_nothing(
    browser: Browser, auditor: User, acme: Workspace, file: str
) -> None:
    assert browser(auditor).get(f"/w/{acme.slug}/integrity/{file}").status_code == 404


@pytest.mark.parametrize("path", ["", "/checkpoint", "/keys"])
def test_member_and_stranger_learn_nothing_of_the_seal(
    browser: Browser, acme: Workspace, path: str
) -> None:
    seal(acme)
    member = browser(make_member(acme, Role.MEMBER))
    stranger = browser(make_member(make_workspace()))
    assert member.get(f"/w/{acme.slug}/integrity{path}").status_code == 403
    assert stranger.get(f"/w/{acme.slug}/integrity{path}").status_code == 404
