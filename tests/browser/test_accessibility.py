"""WCAG 2.2 AA as far as axe-core can tell, on every page and state, in both themes."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import visit
from tests.factories import append_events, event_input, make_member, make_workspace

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": {"type": "tag", "values": RULES}}

STATES = {
    "log": "/w/{slug}/audit-logs",
    "all workspaces": "/audit-logs",
    "filtered": "/w/{slug}/audit-logs?status=error&activity=invoice.update&range=last_30_days",
    "searched": "/w/{slug}/audit-logs?q=user:ann%40example.com",
    "no match": "/w/{slug}/audit-logs?q=nothing-like-this",
    "unreadable filter": "/w/{slug}/audit-logs?q=activty:x&from=yesterday",
    "one event": "/w/{slug}/audit-logs/{event}",
    "exports": "/w/{slug}/exports",
    "notifications": "/notifications",
    "account": "/account",
    "my activity": "/me/activity",
    "not found": "/w/nowhere/audit-logs",
}


@pytest.fixture(scope="module")
def acme(server: str) -> Workspace:
    return make_workspace("Acme Freight")


@pytest.fixture(scope="module")
def admin(acme: Workspace) -> User:
    return make_member(acme)


@pytest.fixture(scope="module")
def event(acme: Workspace) -> str:
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0.0.0"
    appended = append_events(
        acme,
        [
            event_input(
                status="error" if n % 3 == 0 else "success",
                duration_ms=10 ** (n % 5),
                user_agent=agent,
                changes={"role": ["member", "admin"]},
                metadata={"plan": "pro", "seats": n},
                targets=[{"type": "invoice", "id": f"inv_{n}", "name": f"Invoice {n}"}],
            )
            for n in range(60)
        ],
    )
    return str(appended.ids[-1])


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page_or_state(
    browser: Browser, server: str, acme: Workspace, admin: User, event: str, theme: str
) -> None:
    visitor = visit(browser, server, color_scheme=theme, viewport={"width": 1440, "height": 1000})
    page = visitor.page
    visitor.open("/login")
    found = {"login": violations(page)}
    visitor.sign_in(admin)
    for state, path in STATES.items():
        page.goto(server + path.format(slug=acme.slug, event=event), wait_until="networkidle")
        found[state] = violations(page)
    visitor.open(f"/w/{acme.slug}/audit-logs")
    page.locator("#log-rows a").first.click()
    expect(page.locator("#drawer #related .views")).to_be_visible()
    found["drawer"] = violations(page)
    page.keyboard.press("Escape")
    page.locator("#range-button").click()
    expect(page.locator("calendar-month").first).to_be_visible()
    found["calendar"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Download").click()
    found["download"] = violations(page)
    visitor.context.close()
    assert {state: rules for state, rules in found.items() if rules} == {}


def test_axe_finds_nothing_on_a_phone(
    browser: Browser, server: str, acme: Workspace, admin: User, event: str
) -> None:
    visitor = visit(browser, server, viewport={"width": 390, "height": 844}, has_touch=True)
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page.wait_for_load_state("networkidle")
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
    assert {state: rules for state, rules in found.items() if rules} == {}
    assert width <= 390
