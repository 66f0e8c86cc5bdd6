"""Go to by the keyboard, and the navigation of a small screen, as only a browser shows them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import violations
from tests.browser.conftest import PHONE, Visitor, visit
from tests.support.factories import append_events, event_input


@pytest.fixture
def page(visitor: Visitor, acme: Workspace, admin: User) -> Page:
    people = [("Marcus Bell", "u_marcus"), ("Elif Demir", "u_elif"), ("Fatima Rahman", "u_fatima")]
    append_events(acme, [event_input(actor={"id": key, "name": name}) for name, key in people])
    visitor.sign_in(admin, f"/w/{acme.slug}/settings")
    return visitor.page


def field(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_keys_open_go_to_and_lead_to_what_was_chosen(page: Page, acme: Workspace) -> None:
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Go to")
    expect(dialog.get_by_role("option", name="Retention")).to_be_visible()
    assert field(page) == "go-q"
    page.keyboard.type("marc")
    chosen = dialog.get_by_role("option", selected=True)
    expect(chosen).to_contain_text("Marcus Bell")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_contain_text("Errors of Marcus Bell")
    assert violations(page, "#go-dialog") == []
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/w/{acme.slug}/audit-logs?user=u_marcus")


def test_enter_before_the_answer_opens_nothing_that_was_not_typed(
    page: Page, acme: Workspace
) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="Retention")).to_be_visible()
    page.keyboard.type("elif")
    page.keyboard.press("Enter")
    page.wait_for_url("**/go?**")
    expect(page.get_by_role("link", name="Elif Demir").first).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("Fatima")


def test_escape_closes_go_to_and_returns_the_focus(page: Page) -> None:
    page.locator("#go").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Go to")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Go to")).to_be_hidden()
    assert field(page) == "go"


def test_bar_has_at_most_eight_stops_before_the_content(page: Page) -> None:
    stops = page.locator(
        ".topbar :is(a, button, input):visible:not([tabindex='-1'], [popover] *, [type=hidden])"
    )
    assert stops.count() <= 8


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_small_screen_has_every_page_one_tap_away(
    browser: Browser, server: str, acme: Workspace, admin: User, theme: str
) -> None:
    phone = visit(browser, server, viewport=PHONE, color_scheme=theme)
    phone.sign_in(admin, f"/w/{acme.slug}/settings/usage")
    page = phone.page
    expect(page.get_by_label("Settings").get_by_role("link", name="Usage")).to_be_in_viewport()
    page.get_by_role("button", name="Menu").click()
    menu = page.get_by_role("dialog", name="Menu")
    expect(menu.get_by_role("link", name="Who read the log")).to_be_visible()
    close = menu.get_by_role("button", name="Close menu")
    expect(close).to_be_in_viewport(ratio=1)
    assert violations(page, "#main-menu") == []
    menu.get_by_role("link", name="Retention").click()
    page.wait_for_url("**/settings/retention")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.context.close()
