"""Checks of a log on its page: asked for, under way, ended, and what they found."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.evidence.checking import told
from auditsaas.evidence.checking.finding import FieldDifference, Finding, FindingKind, Side
from auditsaas.evidence.checking.models import TreeCheck, TreeFinding
from auditsaas.evidence.checking.run import check_job
from auditsaas.exports.models import Export
from auditsaas.jobs.runner import run
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.asking import confirmed_ago
from tests.support.exporting import ask
from tests.support.factories import append_events, csrf_token, event_input, make_member, scoped
from tests.support.htmx import PARTIAL
from tests.support.rewriting import rewrite
from tests.support.sealing import seal

Browser = Callable[[User], FlaskClient]
NIGHT = timedelta(days=1)


@pytest.fixture
def event(acme: Workspace) -> UUID:
    """An event of the log, which is sealed."""
    [made] = append_events(acme, [event_input()]).ids
    seal(acme)
    return made


@pytest.fixture
def admin(browser: Browser, acme: Workspace, event: UUID) -> FlaskClient:
    return browser(make_member(acme, Role.ADMIN))


@pytest.fixture
def auditor(browser: Browser, acme: Workspace, event: UUID) -> FlaskClient:
    return browser(make_member(acme, Role.AUDITOR))


def checked(acme: Workspace, ago: timedelta = timedelta(), **columns: Any) -> None:
    """Keep a check of the log as a worker would leave it."""
    at = datetime.now(UTC) - ago
    known = {"kind": "sample", "state": "done", "size": 3, "total": 2, "done": 2}
    times = {"created_at": at, "started_at": at, "finished_at": at}
    with scoped(acme.id) as session:
        session.add(TreeCheck(workspace_id=acme.id, **{**known, **times, **columns}))
        session.commit()


def found(acme: Workspace, event: UUID, **known: Any) -> UUID:
    """Tell of a finding, as a check does; its id."""
    side = Side(hash="cf" * 32, value={"per_kg": [4.10, 4.65]}, known=True)
    changes = FieldDifference(field="changes", slot=12, expected=Side(hash="04" * 32), found=side)
    made: dict[str, Any] = {
        "kind": FindingKind.CHANGED,
        "words": "Event 1 isn’t what was sealed: changes differs",
    }
    made |= {"seq": 1, "event_id": str(event), "fields": (changes,)}
    with scoped(acme.id) as session:
        told.tell(session, acme.id, Finding(**{**made, **known}))
        session.commit()
        newest = select(TreeFinding.id).where(TreeFinding.workspace_id == acme.id)
        return session.scalars(newest.order_by(TreeFinding.id.desc()).limit(1)).one()


def shown(client: FlaskClient, acme: Workspace, path: str = "") -> str:
    answer = client.get(f"/w/{acme.slug}/integrity{path}")
    assert answer.status_code == 200, answer.text
    return answer.text


def post(client: FlaskClient, acme: Workspace, path: str, **form: str) -> TestResponse:
    headers = PARTIAL if form.pop("partial", "") else {}
    fields = {"csrf_token": csrf_token(client), **form}
    return client.post(f"/w/{acme.slug}/integrity{path}", data=fields, headers=headers)


def verdict(client: FlaskClient, acme: Workspace) -> TestResponse:
    return client.get(f"/w/{acme.slug}/integrity/verdict", headers=PARTIAL)


def state(html: str) -> str:
    [one] = re.findall(r'data-verdict="([^"]*)"', html)
    return str(one)


def test_check_is_asked_for_and_polled_until_it_ends(auditor: FlaskClient, acme: Workspace) -> None:
    asked = post(auditor, acme, "/check", partial="1")
    assert 'hx-trigger="every 2s"' in asked.text
    assert "waits for its turn" in asked.text
    with scoped(acme.id) as session:
        check = session.scalars(select(TreeCheck)).one()
        check.state, check.size, check.total, check.done = "running", 3, 3, 2
        session.commit()
        under_way = verdict(auditor, acme)
        assert "2 of 3 events" in under_way.text
        assert 'aria-valuenow="66"' in under_way.text
        check.state, check.done = "done", 3
        check.started_at = check.finished_at = datetime.now(UTC)
        session.commit()
    ended = verdict(auditor, acme)
    assert "hx-trigger" not in ended.text
    assert ended.headers["HX-Refresh"] == "true"
    page = shown(auditor, acme)
    assert "lead-ok" in page
    assert "all 3 events, no difference" in page


def test_changed_event_is_found_by_check_now_and_named_on_the_page(
    app: Flask, auditor: FlaskClient, acme: Workspace, event: UUID
) -> None:
    rewrite(acme, events.c.id == event, path="/invoices/43")
    post(auditor, acme, "/check")
    with scoped(acme.id) as session:
        check = session.scalars(select(TreeCheck.id)).one()
    with app.app_context():
        run(check_job("AuditSaaS"), check)
    page = shown(auditor, acme)
    assert state(page) == "mismatch"
    assert "/invoices/43" in page
    assert "path" in page
    assert f"/w/{acme.slug}/audit-logs/{event}" in page


def test_check_without_scripts_leads_back_to_the_page(
    auditor: FlaskClient, acme: Workspace
) -> None:
    for _ in range(2):
        asked = post(auditor, acme, "/check")
        assert (asked.status_code, asked.location) == (303, f"/w/{acme.slug}/integrity")
    with scoped(acme.id) as session:
        assert len(session.scalars(select(TreeCheck)).all()) == 1
    assert verdict(auditor, acme).status_code == 200
    assert auditor.get(f"/w/{acme.slug}/integrity/verdict").status_code == 303


def test_check_of_what_was_never_sealed_is_refused(browser: Browser, acme: Workspace) -> None:
    assert post(browser(make_member(acme)), acme, "/check").status_code == 409


def test_check_of_a_part_is_no_reason_for_a_green_mark(
    auditor: FlaskClient, acme: Workspace
) -> None:
    checked(acme)
    page = shown(auditor, acme)
    assert "2 of 3 events, drawn by chance, no difference" in page
    assert "lead-ok" not in page


def test_check_that_failed_says_why(auditor: FlaskClient, acme: Workspace) -> None:
    checked(acme, kind="all", state="failed", error="The database did not answer.")
    assert "couldn’t be finished: The database did not answer." in shown(auditor, acme)


def test_nights_are_drawn_also_those_without_a_check(auditor: FlaskClient, acme: Workspace) -> None:
    for ago, differences in ((4, 0), (3, 0), (1, 2), (0, 0)):
        checked(acme, ago * NIGHT, found={"differences": differences})
    page = shown(auditor, acme)
    assert "5 nights, 1 with a difference" in " ".join(page.split())
    kinds = re.findall(r'<rect class="(v|bad|no)"', re.sub(r"\s+", " ", page))
    assert kinds == ["v", "v", "no", "bad", "v"]


def test_finding_names_event_field_hashes_and_times(
    admin: FlaskClient, acme: Workspace, event: UUID
) -> None:
    checked(acme, NIGHT, kind="all")
    made = found(acme, event)
    page = shown(admin, acme)
    assert state(page) == "mismatch"
    assert f'id="finding-{made}"' in page
    for said in ("changes differs", "04" * 32, "cf" * 32, "4.65", "Leave it as it is"):
        assert said in page
    assert f"/w/{acme.slug}/audit-logs/{event}" in page
    assert "The last check of everything that matched" in page
    assert "its hash alone" in page


def test_finding_without_an_earlier_check_came_after_the_seal(
    auditor: FlaskClient, acme: Workspace, event: UUID
) -> None:
    found(acme, event)
    assert "When it was sealed, and the first check that didn’t match" in shown(auditor, acme)


@pytest.mark.parametrize(("format", "said"), [("jsonl", "JSONL"), ("csv", "CSV")])
def test_exports_that_cover_the_event_are_named_to_who_may_open_them(
    admin: FlaskClient, auditor: FlaskClient, acme: Workspace, event: UUID, format: str, said: str
) -> None:
    person = make_member(acme)
    before = ask(person, [acme], format=format)
    found(acme, event)
    after = ask(person, [acme], format=format)
    with scoped(acme.id, user=person.id) as session:
        for export_id in (before, after):
            session.get_one(Export, export_id).state = "ready"
        session.commit()
    page = shown(admin, acme)
    assert f'href="/w/{acme.slug}/exports/{before}"' in page
    assert str(after) not in page
    assert f"{said}, if it matched" in " ".join(page.split())
    assert str(before) not in shown(auditor, acme)


def test_finding_is_handed_out_as_a_file(
    auditor: FlaskClient, acme: Workspace, event: UUID
) -> None:
    made = found(acme, event)
    answer = auditor.get(f"/w/{acme.slug}/integrity/findings/{made}")
    assert answer.json is not None
    assert answer.json["fields"][0]["expected"]["hash"] == "04" * 32
    assert "attachment" in answer.headers["Content-Disposition"]
    missing = auditor.get(f"/w/{acme.slug}/integrity/findings/{event}")
    assert missing.status_code == 404


def test_finding_leaves_the_page_once_an_admin_says_why(
    admin: FlaskClient, auditor: FlaskClient, acme: Workspace, event: UUID
) -> None:
    path = f"/findings/{found(acme, event)}/acknowledge"
    assert "Acknowledge it" not in shown(auditor, acme)
    assert post(auditor, acme, path, reason="A restore").status_code == 403
    refused = post(admin, acme, path, reason=" ")
    assert refused.status_code == 422
    assert "Say why" in refused.text
    assert post(admin, acme, path, reason="The restore of OPS-7719").status_code == 303
    page = shown(auditor, acme)
    assert state(page) == "sealed"
    assert "The restore of OPS-7719" in page


def test_admin_who_signed_in_long_ago_is_asked_again(
    admin: FlaskClient, acme: Workspace, event: UUID
) -> None:
    made = found(acme, event)
    confirmed_ago(admin)
    assert post(admin, acme, f"/findings/{made}/acknowledge", reason="A restore").status_code == 401


def test_differences_beyond_those_shown_are_counted(
    auditor: FlaskClient, acme: Workspace, event: UUID
) -> None:
    for seq in range(1, 23):
        found(acme, event, seq=seq, words=f"Event {seq} isn’t what was sealed")
    page = shown(auditor, acme)
    assert "22 differences" in page
    assert len(re.findall('data-finding-id="', page)) == 20
    assert "2 more are not shown here" in page


def test_text_of_an_event_in_a_finding_is_shown_as_text(
    auditor: FlaskClient, acme: Workspace, event: UUID
) -> None:
    side = Side(value="<script>alert(1)</script>", known=True)
    field = FieldDifference(field="metadata", slot=13, expected=Side(), found=side)
    found(acme, event, fields=(field,))
    page = shown(auditor, acme)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
