"""An admin types a mapping and sees at once what a sample becomes, in a real browser."""

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

SAMPLE = (
    "when,who,what,result\n2026-11-16T08:00:00Z,ann,open,ok\n2026-11-16T08:00:01Z,bob,open,no\n"
)


@pytest.fixture
def acme() -> Workspace:
    return make_workspace("Halden Freight")


@pytest.fixture
def admin(acme: Workspace) -> User:
    return make_member(acme, user=make_user(name="Mira Okafor"))


def picture(visitor: Visitor, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_preview_follows_what_is_typed(visitor: Visitor, acme: Workspace, admin: User) -> None:
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/imports/mappings")
    page.get_by_role("link", name="New mapping").first.click()
    page.get_by_label("Name", exact=True).fill("doors")
    page.get_by_label("Sample", exact=True).fill(SAMPLE)
    page.get_by_label("Created At").fill("when")
    page.get_by_label("Activity", exact=True).fill("door.{what}")
    rows = page.locator("#preview [data-trial=event]")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("door.open")
    page.get_by_label("User id").fill("whom")
    expect(page.locator("#preview")).to_contain_text("No record of the sample has whom")
    page.get_by_label("User id").fill("who")
    expect(rows.first).to_contain_text("ann")
    expect(page.get_by_label("User id")).to_be_focused()
    picture(visitor, "mapping")
    page.get_by_role("button", name="Save mapping").click()
    expect(page.locator("tr[data-mapping=doors]")).to_be_visible()
    picture(visitor, "mappings")


def test_mapping_page_with_a_preview_passes_the_automated_rules_on_a_phone(
    browser: Browser, server: str, acme: Workspace, admin: User
) -> None:
    made = visit(browser, server, reduced_motion="reduce", viewport=PHONE)
    made.sign_in(admin, f"/w/{acme.slug}/imports/mappings/new")
    page = made.page
    page.get_by_label("Sample", exact=True).fill(SAMPLE)
    page.get_by_label("Created At").fill("when")
    page.get_by_label("Activity", exact=True).fill("what")
    expect(page.locator("#preview [data-trial=event]")).to_have_count(2)
    found = violations(page)
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    picture(made, "mapping-390")
    made.context.close()
    assert found == []
    assert overflow <= 0
