"""What is read out: each thing once, and nothing that only stands in for it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import settled
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_workspace
from tests.support.workers import eventually

# What a live region says is its text without what is hidden from readers, each time it differs.
LISTEN = """() => {
    window.heard = [];
    const said = new Map();
    const words = (region) => {
        const copy = region.cloneNode(true);
        for (const silent of copy.querySelectorAll("[aria-hidden=true]")) silent.remove();
        return copy.textContent.replace(/\\s+/g, " ").trim();
    };
    const regions = () =>
        document.querySelectorAll("[role=status], [role=alert], [aria-live=polite]");
    const listen = () => {
        for (const region of regions()) {
            const now = words(region);
            const before = said.get(region.id);
            said.set(region.id, now);
            if (before === now || before === undefined || !now) continue;
            if (region.ariaLive !== "off") heard.push(`${region.id}: ${now}`);
        }
    };
    listen();
    new MutationObserver(listen).observe(document.body, {
        childList: true, subtree: true, characterData: true,
    });
}"""


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(
        workspace,
        [event_input(status="success" if n else "error", path=f"/{n}") for n in range(20)],
    )
    return workspace


@pytest.fixture
def page(visitor: Visitor, acme: Workspace, admin: User) -> Page:
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    expect(visitor.page.locator("#beside-count .lat-sum")).to_be_attached()
    settled(visitor.page)
    visitor.page.evaluate(LISTEN)
    return visitor.page


def heard(page: Page) -> list[str]:
    found: list[str] = page.evaluate("heard")
    return found


def test_count_of_a_filter_is_said_once(page: Page) -> None:
    page.locator("#facets input[value=error]").click()
    expect(page.locator("#count [data-count='1']")).to_be_visible()
    expect(page.locator("#beside-count")).to_contain_text("Last received")
    settled(page)
    assert heard(page) == ["count: 1 event · 1 error (100.0%)"]


def test_error_of_the_search_is_said_once(page: Page) -> None:
    page.locator("#q").fill("stauts:error")
    page.keyboard.press("Enter")
    expect(page.locator("#q-error")).to_contain_text("stauts")
    settled(page)
    [said] = heard(page)
    assert said.startswith("q-error: Unknown key 'stauts'.")


def test_live_rows_are_said_by_their_number_and_all_of_them(page: Page, acme: Workspace) -> None:
    page.locator("#live-toggle").click()
    for arrivals in (2, 3):
        before = page.locator("#log-rows tr").count()
        append_events(acme, [event_input(path=f"/live/{n}") for n in range(arrivals)])
        expect(page.locator("#log-rows tr")).to_have_count(before + arrivals)

    def numbers() -> list[int]:
        said = [words.split() for words in heard(page) if "new event" in words]
        return [int(words[1]) for words in said]

    assert eventually(lambda: sum(numbers()) == 5 or None, "all five to be said")
    assert len(numbers()) <= 2
    assert [words for words in heard(page) if words.startswith("count:")] == []
