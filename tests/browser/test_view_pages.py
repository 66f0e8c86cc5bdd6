"""Saved views in a browser: the state of one that was changed, and their order."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, expect

from auditsaas.accounts.models import User
from auditsaas.permissions import Role
from auditsaas.saved_views import service
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_member, make_workspace, scoped


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(workspace, [event_input(), event_input(status="error")])
    return workspace


@pytest.fixture
def admin(acme: Workspace) -> User:
    return make_member(acme, Role.ADMIN)


def keep(acme: Workspace, person: User, name: str) -> UUID:
    with scoped(acme.id, user=person.id) as session:
        view = service.save(
            session,
            acme.id,
            person.id,
            name=name,
            query="status=error",
            shared=False,
            default=False,
        )
        session.commit()
        return view.id


def names(page: Page) -> Locator:
    return page.locator(".view-list .fw-600")


def test_changed_view_is_told_of_and_updated(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    keep(acme, admin, "Errors")
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    tab = page.locator("#views").get_by_role("link", name="Errors")
    tab.click()
    expect(page).to_have_url(re.compile(r"\?status=error$"))
    expect(page.locator("#view-state")).to_be_empty()
    page.locator("#facets input[name=method][value=POST]").check()
    expect(page.locator("#view-state")).to_contain_text("Errors · changed")
    expect(tab).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile("method=POST.*tab="))
    page.get_by_role("link", name=re.compile("Remove filter Status")).click()
    expect(page).to_have_url(re.compile(r"\?method=POST&tab="))
    expect(page.locator("#log-rows tr")).to_have_count(3)  # the sign-in was sent, too
    page.locator("#view-state").get_by_role("link", name="Go back").click()
    expect(page.locator("#view-state")).to_be_empty()
    expect(page.locator("#log-rows tr")).to_have_count(1)
    page.locator("#facets input[name=method][value=POST]").check()
    page.get_by_role("button", name="Update", exact=True).click()
    page.wait_for_url(re.compile("view="))
    expect(page.locator("#view-state")).to_be_empty()
    expect(page.locator("#facets input[name=method][value=POST]")).to_be_checked()


def test_bar_narrows_the_open_view_and_reset_leaves_it(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    view = keep(acme, admin, "Errors")
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs?view={view}")
    page.locator("#histogram a").last.press("Enter")
    expect(page.locator("#view-state")).to_contain_text("Errors · changed")
    page.locator("#chips").get_by_role("link", name="Reset all").click()
    expect(page).to_have_url(re.compile(r"\?range=all$"))
    expect(page.locator("#view-state")).to_be_empty()


def test_menu_follows_the_filter(acme: Workspace, admin: User, visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#facets input[name=status][value=error]").check()
    expect(page).to_have_url(re.compile("status=error"))
    page.get_by_role("button", name="Use view").click()
    menu = page.locator("#use-view")
    expect(menu).to_contain_text("Status is Error, all time")
    schedule = menu.get_by_role("link", name="Schedule this view")
    expect(schedule).to_have_attribute("href", re.compile(r"schedules/new\?status=error"))
    menu.get_by_role("link", name="Copy link").click()
    expect(page.locator("#announce")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith(f"/w/{acme.slug}/audit-logs?status=error")


def test_views_are_arranged_by_keyboard_and_by_dragging(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    for name in ("A", "B", "C"):
        keep(acme, admin, name)
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/views")
    expect(names(page)).to_have_text(["A", "B", "C"])
    up = page.get_by_role("button", name="Move C up")
    up.press("Enter")
    expect(names(page)).to_have_text(["A", "C", "B"])
    expect(up).to_be_focused()
    expect(page.locator("#announce")).to_have_text("C is number 2 of 3")
    page.keyboard.press("Enter")
    expect(names(page)).to_have_text(["C", "A", "B"])
    rows = page.locator(".view-list > li")
    with page.expect_response(re.compile("/views/order")):
        rows.last.locator(".grip").drag_to(rows.first, target_position={"x": 40, "y": 4})
    expect(names(page)).to_have_text(["B", "C", "A"])
    visitor.open(f"/w/{acme.slug}/audit-logs?range=all")
    expect(page.locator("#views a")).to_have_text(["All activity", "B", "C", "A"])
