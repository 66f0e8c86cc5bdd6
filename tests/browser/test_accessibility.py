"""WCAG 2.2 AA as far as axe-core can tell, on every page and state, in both themes."""

from __future__ import annotations

import re

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from auditsaas.accounts import second_factor
from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.browser.addresses import (
    AS_SUPER_ADMIN,
    ASKED_FIRST,
    INSIDE,
    NO_PAGES,
    ON_ITS_OWN,
    OUTSIDE,
)
from tests.browser.addresses import fill as filled
from tests.browser.axe import OPEN_MENU, settled, violations
from tests.browser.conftest import PHONE, Visitor, visit
from tests.support import factories
from tests.support.factories import make_member, make_user, make_workspace


@pytest.fixture(scope="module")
def acme(server: str) -> Workspace:
    return make_workspace("Acme Freight")


@pytest.fixture(scope="module")
def person(acme: Workspace) -> User:
    """A person who may open every page: admin of the workspace, and super-admin."""
    return make_member(acme, user=make_user(name="Mira Okafor", is_super_admin=True))


@pytest.fixture(scope="module")
def samples(acme: Workspace, person: User, settings: Settings) -> dict[str, str]:
    return filled(acme, person, settings)


@pytest.fixture
def still(browser: Browser, server: str) -> Visitor:
    """A browser whose pages do not move."""
    return visit(browser, server, reduced_motion="reduce", viewport={"width": 1440, "height": 1000})


def test_every_page_is_in_the_accessibility_check(app: Flask) -> None:
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    pages = {endpoint for endpoint in pages if not endpoint.startswith("api.")} - NO_PAGES
    routes = app.url_map.bind("localhost")
    number = "00000000-0000-0000-0000-000000000000"
    names = dict.fromkeys(("event", "own_event", "export", "schedule", "file"), number)
    names |= {"erasure": number, "mapping": number, "new": "new", "view": number}
    looked_at = {
        routes.match(path.format(slug="acme", reset="x", **names).partition("?")[0])[0]
        for path in (OUTSIDE | INSIDE | AS_SUPER_ADMIN | ASKED_FIRST).values()
    }
    assert pages == looked_at | ON_ITS_OWN


def test_axe_passes_on_every_page(
    still: Visitor, acme: Workspace, person: User, samples: dict[str, str]
) -> None:
    page, found = still.page, {}

    def look(pages: dict[str, str]) -> None:
        for state, path in pages.items():
            still.open(path.format(**samples))
            found[state] = violations(page) + sideways(page)

    look(OUTSIDE)
    still.sign_in(person)
    look(INSIDE | ASKED_FIRST)
    page.get_by_label("Reason").fill("Support case 4711")
    page.locator("main button[type=submit]").click()
    look(AS_SUPER_ADMIN)
    # Signing in is recorded in every log, so an empty one is younger than that.
    empty = make_workspace("Empty")
    make_member(empty, user=person)
    look({"empty log": f"/w/{empty.slug}/audit-logs"})
    still.context.close()
    assert {state: broken for state, broken in found.items() if broken} == {}
    assert [line for line in still.said if "status of 4" not in line] == []


def sideways(page: Page) -> list[str]:
    """Name the windows in which a page scrolls sideways (WCAG 1.4.10 asks for 320 px)."""
    before = page.viewport_size
    assert before is not None
    found = []
    for width in (before["width"], PHONE["width"], 320):
        page.set_viewport_size({"width": width, "height": PHONE["height"]})
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"{wide} px wide in a window of {width}")
    page.set_viewport_size(before)
    return found


def test_axe_passes_on_menus_and_drawers_of_the_log(
    still: Visitor, acme: Workspace, person: User, samples: dict[str, str]
) -> None:
    page, keys, found = still.page, still.page.keyboard, {}
    still.sign_in(person, f"/w/{acme.slug}/audit-logs")
    page.locator("#log-rows a").first.click()
    page.locator("#drawer #related").evaluate("section => section.scrollIntoView()")
    expect(page.locator("#drawer #related .views")).to_be_visible()
    found["drawer"] = violations(page)
    keys.press("Escape")
    page.locator("#range-button").click()
    expect(page.locator("calendar-month").first).to_be_visible()
    found["calendar"] = violations(page, OPEN_MENU)
    keys.press("Escape")
    for opener in ("Download", "Use view", "Columns and density", "Search help", "Your account"):
        page.get_by_role("button", name=opener).click()
        found[opener] = violations(page, OPEN_MENU)
        keys.press("Escape")
    page.locator("#q").fill("stat")
    expect(page.get_by_role("option").first).to_be_visible()
    expect(page).to_have_url(re.compile("q=stat$"))
    found["suggestions"] = violations(page, "[role=listbox]")
    page.locator("#q").fill("stauts:error")
    keys.press("Enter")
    expect(page.locator("#q-error")).to_contain_text("stauts")
    found["bad term"] = violations(page)
    still.context.close()
    assert {state: broken for state, broken in found.items() if broken} == {}


def test_axe_passes_on_a_phone(
    browser: Browser, server: str, acme: Workspace, person: User, samples: dict[str, str]
) -> None:
    visitor = visit(browser, server, viewport=PHONE, has_touch=True, reduced_motion="reduce")
    page = visitor.page
    visitor.sign_in(person, f"/w/{acme.slug}/audit-logs")
    found = {"log": violations(page)}
    page.locator("#filters-open").click()
    expect(page.locator("#filters")).to_be_visible()
    found["filters"] = violations(page)
    page.locator("#filters-close").click()
    page.locator("#log-rows a").first.click()
    expect(page.locator("#event")).to_be_visible()
    found["event"] = violations(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    visitor.context.close()
    assert {state: broken for state, broken in found.items() if broken} == {}
    assert width <= PHONE["width"]


def test_axe_passes_on_the_second_factor_pages(still: Visitor, settings: Settings) -> None:
    person = make_user()
    with factories.Sessions.begin() as session:
        user = session.merge(person)
        second_factor.begin(user, settings.secret_keys)
        secret = second_factor.setup_secret(user, settings.secret_keys)
        assert secret is not None
        second_factor.confirm(session, user, pyotp.TOTP(secret).now(), settings.secret_keys)
    still.open("/login")
    still.page.get_by_label("Email").fill(person.email)
    still.page.get_by_label("Password").fill(factories.PASSWORD)
    still.page.get_by_role("button", name="Sign in").click()
    still.page.wait_for_url("**/login/second-factor*")
    found = violations(still.page)
    still.context.close()
    assert found == []


def test_low_contrast_is_detected_in_either_theme(still: Visitor) -> None:
    still.open("/login")
    settled(still.page)
    still.page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend',"
        " '<p><b id=faint>Faint</b></p>')"
    )
    for theme, colour in (("light", "rgb(240, 240, 240)"), ("dark", "rgb(40, 40, 40)")):
        still.page.evaluate("(c) => document.getElementById('faint').style.color = c", colour)
        assert any("color-contrast" in rule for rule in violations(still.page)), theme
    still.context.close()
