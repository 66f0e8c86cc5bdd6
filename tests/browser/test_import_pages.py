"""An admin uploads log files and sees what became of them, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import violations
from tests.browser.conftest import PHONE, Visitor, visit
from tests.support.factories import make_member, make_user, make_workspace

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def acme() -> Workspace:
    return make_workspace("Halden Freight")


@pytest.fixture
def admin(acme: Workspace) -> User:
    return make_member(acme, user=make_user(name="Mira Okafor"))


def upload(visitor: Visitor, acme: Workspace, *names: str) -> None:
    page = visitor.page
    page.get_by_role("link", name="Import files").first.click()
    page.get_by_label("Files").set_input_files([FIXTURES / name for name in names])
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url(f"**/w/{acme.slug}/imports")


def picture(visitor: Visitor, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png")


def test_uploads_show_progress_until_imported(
    worker: None, visitor: Visitor, acme: Workspace, admin: User
) -> None:
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/imports")
    expect(page.get_by_text("No imports yet")).to_be_visible()
    upload(visitor, acme, "access.log", "importers/cloudtrail.json", "importers/nova.log")
    rows = page.locator("tr[data-import-id]")
    expect(rows).to_have_count(3)
    for name, state in (
        ("access.log", "done"),
        ("cloudtrail.json", "done"),
        ("nova.log", "failed"),
    ):
        row = rows.filter(has_text=name)
        expect(row).to_have_attribute("data-state", state, timeout=60_000)
    picture(visitor, "imports-list")
    page.get_by_role("link", name="access.log").click()
    expect(page.get_by_role("cell", name="line 5")).to_be_visible()
    expect(page.get_by_text("no [time] followed by a quoted request")).to_be_visible()
    picture(visitor, "imports-detail")
    visitor.open(f"/w/{acme.slug}/audit-logs?activity=s3.put_object")
    expect(page.locator("#log-rows [data-event-id]")).to_have_count(1)


@pytest.mark.usefixtures("worker")
def test_axe_passes_on_pages_of_ended_imports(
    browser: Browser, server: str, acme: Workspace, admin: User
) -> None:
    made = visit(browser, server, reduced_motion="reduce", viewport=PHONE)
    made.sign_in(admin, f"/w/{acme.slug}/imports")
    upload(made, acme, "access.log", "importers/nova.log")
    done = made.page.locator("tr[data-state=done]")
    expect(done).to_have_count(1, timeout=60_000)
    expect(made.page.locator("tr[data-state=failed]")).to_have_count(1, timeout=60_000)
    picture(made, "imports-list-390")
    found = violations(made.page)
    detail = done.get_by_role("link").get_attribute("href")
    for path in (f"/w/{acme.slug}/imports/new", detail or ""):
        made.open(path)
        found += violations(made.page)
        overflow = made.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0
    made.context.close()
    assert found == []
