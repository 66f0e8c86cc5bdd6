"""A check of a log that a person follows on its page, and what it finds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from auditsaas.accounts.models import User
from auditsaas.evidence.checking import told
from auditsaas.evidence.checking.finding import FieldDifference, Finding, FindingKind, Side
from auditsaas.evidence.checking.models import TreeCheck
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import violations
from tests.browser.conftest import PHONE, Visitor, visit
from tests.support.factories import append_events, event_input, scoped
from tests.support.sealing import seal


@pytest.fixture
def event(acme: Workspace) -> str:
    """An event that is sealed."""
    [made] = append_events(acme, [event_input(metadata={"weight": 4.1})]).ids
    seal(acme)
    return str(made)


def checked(acme: Workspace, **columns: Any) -> None:
    """Let the check of the log get on, as a worker would."""
    with scoped(acme.id) as session:
        session.execute(update(TreeCheck).values(size=3, total=3, **columns))
        session.commit()


def found(acme: Workspace, event: str) -> None:
    field = FieldDifference(
        field="metadata",
        slot=13,
        expected=Side(hash="04" * 32),
        found=Side(hash="cf" * 32, value={"weight": 6.85}, known=True),
    )
    words = "Event 1 isn’t what was sealed: metadata differs"
    made = Finding(kind=FindingKind.CHANGED, words=words, seq=1, event_id=event, fields=(field,))
    with scoped(acme.id) as session:
        told.tell(session, acme.id, made)
        session.commit()


def test_check_is_followed_on_the_page_until_it_found_something(
    browser: Browser, server: str, acme: Workspace, admin: User, event: str
) -> None:
    visitor = visit(
        browser, server, reduced_motion="reduce", viewport={"width": 1440, "height": 1000}
    )
    page, verdict = visitor.page, visitor.page.locator("#verdict")
    visitor.sign_in(admin, f"/w/{acme.slug}/integrity")
    expect(verdict).to_contain_text("Sealed")
    broken = {"sealed": violations(page)}
    page.get_by_role("button", name="Check now").click()
    expect(verdict).to_contain_text("waits for its turn")
    checked(acme, state="running", done=1)
    expect(verdict.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "33")
    found(acme, event)
    now = datetime.now(UTC)
    checked(acme, state="done", done=3, started_at=now, finished_at=now, found={"differences": 1})
    expect(page.get_by_role("alert")).to_contain_text("isn’t what was sealed")
    expect(page.get_by_role("link", name="Finding as a file")).to_be_visible()
    broken["mismatch"] = violations(page)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_text("Acknowledge it").click()
    page.get_by_label("Reason").fill("The restore of OPS-7719")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("heading", name="Acknowledged")).to_be_visible()
    visitor.context.close()
    assert {state: rules for state, rules in broken.items() if rules} == {}
    assert visitor.said == []


def test_event_is_checked_beside_the_log(
    visitor: Visitor, acme: Workspace, admin: User, event: str
) -> None:
    page, drawer = visitor.page, visitor.page.locator("#drawer")
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs?activity=invoice.update")
    page.locator("#log-rows a").first.click()
    expect(drawer.locator("#seal")).to_contain_text("In the log since")
    drawer.get_by_role("button", name="Check now").click()
    expect(drawer.locator("#seal")).to_contain_text("as it was sealed")
    with page.expect_download() as download:
        drawer.get_by_role("link", name="Download proof").click()
    assert download.value.suggested_filename == f"{event}.tlog-proof"
