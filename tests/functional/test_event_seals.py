"""The seal of one event, in the drawer and on its page."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import run
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.evidence.checking.models import TreeCheck, TreeFinding
from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import erasures, tree_leaves
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_user,
    say_why,
    scoped,
)
from tests.support.htmx import PARTIAL
from tests.support.rewriting import rewrite, rewriting
from tests.support.sealing import seal

Browser = Callable[[User], FlaskClient]


@pytest.fixture
def drawer(browser: Browser, acme: Workspace) -> Callable[[], str]:
    """Opens an event of the log beside it, and returns its markup."""
    client = browser(make_member(acme, Role.AUDITOR))
    [event] = append_events(acme, [event_input()]).ids

    def opened(headers: dict[str, str] = PARTIAL) -> str:
        answer = client.get(f"/w/{acme.slug}/audit-logs/{event}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    return opened


def number(acme: Workspace) -> int:
    with scoped(acme.id) as session:
        here = events.c.workspace_id == acme.id, events.c.activity == "invoice.update"
        return session.scalars(select(events.c.seq).where(*here)).one()


def test_event_waits_for_its_seal_and_says_until_when(drawer: Callable[[], str]) -> None:
    shown = drawer()
    assert 'data-seal="waits"' in shown
    assert "the next seal is due by" in shown
    assert "h-proof" not in shown


def test_event_that_waits_too_long_says_so(drawer: Callable[[], str], acme: Workspace) -> None:
    rewrite(acme, received_at=events.c.received_at - timedelta(minutes=2))
    assert "later than it should be" in drawer()


@pytest.mark.parametrize("headers", [PARTIAL, {}])
def test_sealed_event_shows_its_number_leaf_and_root(
    drawer: Callable[..., str], acme: Workspace, headers: dict[str, str]
) -> None:
    sealed, seq = seal(acme), number(acme)
    with scoped(acme.id) as session:
        [held] = session.scalars(select(tree_leaves.c.preimages))
    shown = drawer(headers)
    assert 'data-seal="sealed"' in shown
    assert f"number {seq}. Sealed" in shown
    at = leaf.PREIMAGE_BYTES * (seq - 1)
    assert leaf.leaf_hash(seq, held[at : at + leaf.PREIMAGE_BYTES]).hex() in shown
    assert sealed.root.hex() in shown
    assert f"root of {sealed.size} events" in shown


def test_event_from_long_before_sealing_says_that_earlier_changes_cannot_be_seen(
    drawer: Callable[[], str], acme: Workspace
) -> None:
    rewrite(acme, received_at=events.c.received_at - timedelta(days=3))
    seal(acme)
    assert "when sealing began: an earlier change can’t be seen" in drawer()


def test_event_that_was_erased_in_part_names_what_went(
    drawer: Callable[[], str], acme: Workspace
) -> None:
    seal(acme)
    row = {"event_id": acme.id, "request_id": acme.id, "slots": [leaf.IP], "hashes": bytes(32)}
    with rewriting(acme) as session:
        gone = insert(erasures).values(workspace_id=acme.id, seq=number(acme), **row)
        session.execute(gone.values(salts=bytes(256)))
    assert "ip. The rest still proves." in drawer()


def test_event_that_a_check_found_changed_leads_to_the_finding(
    drawer: Callable[[], str], acme: Workspace
) -> None:
    seal(acme)
    found = TreeFinding(
        workspace_id=acme.id, fingerprint=bytes(32), kind="slots", seq=number(acme), found={}
    )
    with scoped(acme.id) as session:
        session.add(found)
        session.commit()
        made = found.id
    shown = drawer()
    assert 'data-seal="differs"' in shown
    assert f"/w/{acme.slug}/integrity#finding-{made}" in shown


def check(client: FlaskClient, acme: Workspace, event: UUID, headers: dict[str, str]) -> str:
    answer = client.post(
        f"/w/{acme.slug}/events/{event}/check",
        data={"csrf_token": csrf_token(client)},
        headers=headers,
    )
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("headers", [PARTIAL, {}])
def test_event_that_is_checked_now_is_said_to_be_as_it_was_sealed(
    browser: Browser, acme: Workspace, headers: dict[str, str]
) -> None:
    [event] = append_events(acme, [event_input()]).ids
    seal(acme)
    client = browser(make_member(acme, Role.AUDITOR))
    shown = check(client, acme, event, headers)
    assert 'data-seal="checked"' in shown
    assert ("Metadata" in shown) is (headers == {})
    proof = client.get(f"/w/{acme.slug}/events/{event}/proof")
    assert proof.text.startswith("c2sp.org/tlog-proof@v1")


def test_event_copied_from_the_page_is_proven_by_the_files_of_the_pages(
    browser: Browser, acme: Workspace, tmp_path: Path
) -> None:
    [event] = append_events(acme, [event_input(metadata={"of": ["Zoë", 1.5, None]})]).ids
    seal(acme)
    client, base = browser(make_member(acme, Role.AUDITOR)), f"/w/{acme.slug}"
    shown = client.get(f"{base}/audit-logs/{event}", headers=PARTIAL).text
    [copied] = re.findall(r'data-copy="(\{[^"]*)"', shown)
    files = {
        "auditlog_verify.py": client.get("/auditlog_verify.py").text,
        "event.json": html.unescape(copied),
        "event.tlog-proof": client.get(f"{base}/events/{event}/proof").text,
        "acme.vkey": client.get(f"{base}/integrity/keys").text,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    told = run([sys.executable, *files], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_changed_event_that_is_checked_now_is_told_and_everything_is_checked(
    browser: Browser, acme: Workspace
) -> None:
    [event] = append_events(acme, [event_input()]).ids
    seal(acme)
    rewrite(acme, path="/invoices/43")
    client = browser(make_member(acme, Role.AUDITOR))
    assert 'data-seal="differs"' in check(client, acme, event, PARTIAL)
    with scoped(acme.id) as session:
        asked = session.scalars(select(TreeCheck)).one()
    assert (asked.kind, asked.state) == ("all", "queued")


def test_own_event_and_super_admins_look_show_no_seal(browser: Browser, acme: Workspace) -> None:
    [event] = append_events(acme, [event_input()]).ids
    above = browser(make_user(is_super_admin=True))
    say_why(above, acme.slug)
    shown = above.get(f"/admin/audit-logs/{acme.slug}/{event}")
    assert shown.status_code == 200
    assert "data-seal" not in shown.text
