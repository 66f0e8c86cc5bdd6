"""The log by keys: how many stops there are before its rows, and what arrows do within one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import settled
from tests.browser.conftest import PHONE, Visitor, visit
from tests.support.factories import append_events, event_input, make_member, make_workspace

MOST_STOPS = 12
FOCUSED = """() => {
    const { activeElement: focused } = document;
    const words = (focused.labels?.[0] ?? focused).textContent.trim();
    return [!!focused.closest("#log-rows"), focused.ariaLabel ?? words];
}"""


@pytest.fixture(scope="module")
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    yesterday = datetime.now(UTC).replace(hour=0, minute=0) - timedelta(days=1)
    append_events(
        workspace,
        [
            event_input(
                occurred_at=(yesterday + timedelta(minutes=12 * n)).isoformat(),
                status="error" if n % 3 == 0 else "success",
                method="POST" if n % 2 else "GET",
                path=f"/{n}",
            )
            for n in range(120)
        ],
    )
    return workspace


@pytest.fixture(scope="module")
def person(acme: Workspace) -> User:
    return make_member(acme)


@pytest.fixture(scope="module")
def quiet(browser: Browser, server: str, acme: Workspace, person: User) -> Iterator[Visitor]:
    """One signed-in browser for the tests that only move in it."""
    visitor = visit(browser, server, viewport={"width": 1440, "height": 900})
    visitor.sign_in(person, f"/w/{acme.slug}/audit-logs")
    yield visitor
    visitor.context.close()
    assert visitor.said == []


@pytest.fixture
def page(quiet: Visitor, acme: Workspace) -> Page:
    look_at(quiet, acme)
    return quiet.page


def look_at(visitor: Visitor, workspace: Workspace, query: str = "") -> None:
    visitor.open(f"/w/{workspace.slug}/audit-logs{query}")
    settled(visitor.page)
    expect(visitor.page.locator("#histogram a").first).to_be_attached()


def stops_before_the_rows(page: Page) -> list[str]:
    """Press Tab from the top of the page until a row has the focus; the names of what had it."""
    names: list[str] = []
    while len(names) < 200:
        page.keyboard.press("Tab")
        in_a_row, name = page.evaluate(FOCUSED)
        if in_a_row:
            break
        names.append(name)
    return names


@pytest.mark.parametrize(
    "query", ["", "?range=yesterday", "?status=error&method=POST&method=GET&range=last_7_days"]
)
@pytest.mark.parametrize("width", [1440, PHONE["width"]])
def test_few_stops_come_before_the_first_row(
    quiet: Visitor, acme: Workspace, query: str, width: int
) -> None:
    quiet.page.set_viewport_size({"width": width, "height": 900})
    look_at(quiet, acme, query)
    stops = stops_before_the_rows(quiet.page)
    quiet.page.set_viewport_size({"width": 1440, "height": 900})
    assert len(stops) <= MOST_STOPS, stops
    assert stops[:2] == ["Skip to content", "Skip to the rows"]


def test_skip_link_to_the_rows_focuses_the_first_event(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#log-rows a").first).to_be_focused()


def test_skip_link_to_the_filters_focuses_the_first_of_them(page: Page) -> None:
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#facet-status summary")).to_be_focused()


def test_skip_link_without_rows_leads_to_the_results(quiet: Visitor, acme: Workspace) -> None:
    quiet.open(f"/w/{acme.slug}/audit-logs?q=nothing-like-this")
    settled(quiet.page)
    quiet.page.keyboard.press("Tab")
    quiet.page.keyboard.press("Tab")
    quiet.page.keyboard.press("Enter")
    expect(quiet.page.locator("#results")).to_be_focused()


def test_bars_are_moved_through_by_arrows_and_keep_their_names(page: Page) -> None:
    bars = page.locator("#histogram a")
    assert bars.count() > 5
    assert bars.evaluate_all("all => all.filter(bar => bar.tabIndex === 0).length") == 1
    bars.first.focus()
    for key, place in (("ArrowRight", 1), ("End", bars.count() - 1), ("ArrowLeft", -2)):
        page.keyboard.press(key)
        expect(bars.nth(place)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(bars.first).to_be_focused()
    expect(bars.first).to_have_accessible_name(re.compile(r": [\d,]+ success, [\d,]+ error$"))


def test_bar_that_is_opened_leads_on_to_its_rows(page: Page) -> None:
    page.locator("#histogram a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**from=**")
    settled(page)
    expect(page.locator("#results")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#log-rows a").first).to_be_focused()


def test_removed_chip_passes_the_focus_to_the_next(quiet: Visitor, acme: Workspace) -> None:
    look_at(quiet, acme, "?status=error&method=POST")
    chips = quiet.page.locator("#chips a")
    chips.first.focus()
    quiet.page.keyboard.press("Enter")
    expect(chips).to_have_count(2)
    expect(chips.first).to_be_focused()
    expect(chips.first).to_have_accessible_name("Remove filter HTTP method is POST")


def test_every_stop_stays_one_without_scripts(
    browser: Browser, server: str, acme: Workspace, person: User
) -> None:
    visitor = visit(browser, server, java_script_enabled=False)
    visitor.sign_in(person, f"/w/{acme.slug}/audit-logs?status=error&method=POST")
    links = visitor.page.locator("#chips a, #actions a")
    assert links.evaluate_all("all => all.every(link => link.tabIndex === 0)")
    visitor.context.close()


def press_until(page: Page, key: str, name: str) -> None:
    """Press a key until what has this name has the focus."""
    passed: list[str] = []
    while len(passed) < 40:
        page.keyboard.press(key)
        passed.append(str(page.evaluate(FOCUSED)[1]))
        if passed[-1].startswith(name):
            return
    raise AssertionError(f"{key} does not lead to {name}, but to {passed}")


def test_journey_from_the_top_to_a_file_takes_no_pointer(page: Page) -> None:
    keys, rows = page.keyboard, page.locator("#log-rows tr")
    press_until(page, "Tab", "Skip to the rows")
    keys.press("Enter")
    keys.press("Enter")
    expect(page.locator("#event")).to_be_focused()
    for key, place in (("j", 1), ("j", 2), ("k", 1)):
        keys.press(key)
        opened = str(rows.nth(place).get_attribute("data-event-id"))
        expect(page.locator("#event")).to_contain_text(opened)
    keys.press("Escape")
    expect(rows.nth(1).locator("a")).to_be_focused()
    page.locator("#filters").evaluate("form => form.focus()")
    press_until(page, "Tab", "Status")
    press_until(page, "Tab", "Error")
    keys.press("Space")
    expect(page.locator("#chips")).to_contain_text("Status is Error")
    page.locator("#content").focus()
    keys.press("d")
    with page.expect_download() as file:
        press_until(page, "Tab", "CSV")
        keys.press("Enter")
    assert file.value.suggested_filename.endswith(".csv")
