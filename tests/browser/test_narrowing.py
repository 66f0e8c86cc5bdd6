"""Narrowing the log by what it shows: a value of a row, and bars of the histogram."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Visitor, visit
from tests.support.factories import append_events, event_input, make_member, make_workspace

START = datetime(2026, 11, 2, tzinfo=UTC)
DAYS = 20


@pytest.fixture(scope="module")
def visitor(browser: Browser, server: str) -> Iterator[Visitor]:
    """The log of two events a day, of two people, in a browser that the file shares."""
    acme = make_workspace("Acme Freight")
    for day in range(DAYS):
        at = (START + timedelta(days=day, hours=9)).isoformat()
        person = {"id": f"p_{day % 2}", "name": ("Cy Fox", "Bob Ray")[day % 2]}
        failed = {"status": "error", "activity": "order.ship", "method": "PUT", "ip": "10.0.0.9"}
        for values in ({"actor": person}, failed):
            append_events(acme, [event_input(occurred_at=at, **values)])
    made = visit(browser, server, viewport={"width": 1440, "height": 1000})
    period = f"?from={START:%Y-%m-%d}&to={START + timedelta(days=DAYS - 1):%Y-%m-%d}"
    made.sign_in(make_member(acme), f"/w/{acme.slug}/audit-logs{period}")
    yield made
    made.context.close()
    assert [said for said in made.said if "a status of 4" not in said] == []


@pytest.fixture(scope="module")
def address(visitor: Visitor) -> str:
    return visitor.page.url


@pytest.fixture
def page(visitor: Visitor, address: str) -> Page:
    visitor.page.goto(address)
    expect(visitor.page.locator(f"#count [data-count='{2 * DAYS}']")).to_be_visible()
    expect(visitor.page.locator("#histogram a").first).to_be_visible()
    return visitor.page


def asked(page: Page) -> dict[str, list[str]]:
    query = parse_qs(urlsplit(page.url).query)
    return {name: values for name, values in query.items() if name not in ("from", "to")}


def total(page: Page, number: int) -> None:
    expect(page.locator(f"#count [data-count='{number}']")).to_be_visible()


CELLS = [
    ("order.ship", ".c-act .act", {"activity": ["order.ship"]}),
    ("order.ship", ".c-act .verb", {"method": ["PUT"]}),
    ("order.ship", ".c-st", {"status": ["error"]}),
    ("Bob Ray", ".c-us", {"user": ["p_1"]}),
    ("order.ship", ".c-ip", {"ip": ["10.0.0.9"]}),
]


@pytest.mark.parametrize(("row", "cell", "query"), CELLS)
def test_value_under_the_pointer_is_filtered_by(
    page: Page, row: str, cell: str, query: dict[str, list[str]]
) -> None:
    found = page.locator("#log-rows tr", has_text=row).first
    found.locator(cell).hover(force=True)
    page.locator("#cell-values").get_by_role("link", name="Only show").click()
    total(page, DAYS if row == "order.ship" else DAYS // 2)
    assert asked(page) == query
    expect(page.locator("#event")).to_have_count(0)


def test_value_under_the_pointer_is_excluded_and_brought_back(page: Page) -> None:
    page.locator("#log-rows tr", has_text="order.ship").first.locator(".c-st").hover(force=True)
    page.locator("#cell-values").get_by_role("link", name="Exclude Status Error").click()
    total(page, DAYS)
    expect(page.locator("#chips .chip").first).to_contain_text("Status is not Error")
    expect(page.locator("#q")).to_have_value("-status:error")
    page.get_by_role("link", name="Remove filter Status is not Error").click()
    total(page, 2 * DAYS)
    expect(page.locator("#q")).to_have_value("")


def test_click_beside_the_buttons_opens_the_event(page: Page) -> None:
    cell = page.locator("#log-rows tr").first.locator(".c-st")
    cell.hover(force=True)
    expect(page.locator("#cell-values")).to_be_visible()
    box = cell.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 8, box["y"] + 10)
    expect(page.locator("#event")).to_be_visible()


def test_values_of_the_row_in_focus_are_chosen_by_keys(page: Page) -> None:
    page.locator("#log-rows tr", has_text="order.ship").first.locator("a").focus()
    page.keyboard.press("v")
    menu = page.locator("#row-values")
    expect(menu.locator("dt")).to_have_text(
        [re.compile(title) for title in ("Activity", "Method", "Status", "User", "IP")],
        ignore_case=True,
    )
    expect(menu.get_by_role("link", name=re.compile("Only show Activity"))).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(menu.get_by_role("link", name="Exclude Status Error")).to_be_focused()
    page.keyboard.press("Enter")
    total(page, DAYS)
    expect(menu).to_be_hidden()
    expect(page.locator("#results")).to_be_focused()
    assert asked(page) == {"q": ["-status:error"]}


def test_row_gains_no_tab_stop_and_escape_returns_to_it(page: Page) -> None:
    first = page.locator("#log-rows tr").first
    assert first.locator("a, button, [tabindex]").count() == 1
    first.locator("a").focus()
    page.keyboard.press("v")
    expect(page.locator("#row-values")).to_be_visible()
    page.keyboard.press("Escape")
    expect(first.locator("a")).to_be_focused()


def bars(page: Page) -> Locator:
    return page.locator("#histogram a")


def centre(bar: Locator) -> tuple[float, float]:
    box = bar.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] - 4


def press_on(page: Page, first: int, last: int) -> None:
    page.mouse.move(*centre(bars(page).nth(first)))
    page.mouse.down()
    page.mouse.move(*centre(bars(page).nth(last)), steps=4)


def test_dragging_over_bars_narrows_the_period_to_them(page: Page) -> None:
    press_on(page, 5, 3)
    expect(page.locator(".hist-range span")).to_have_text(re.compile(r"^Thu 11/05.* – Sat 11/07"))
    page.mouse.up()
    total(page, 6)
    query = parse_qs(urlsplit(page.url).query)
    assert (query["from"], query["to"]) == (["2026-11-05T08:00:00Z"], ["2026-11-07T16:00:00Z"])
    expect(page.locator(".hist-range")).to_have_count(0)
    page.go_back()
    total(page, 2 * DAYS)


def test_escape_while_dragging_leaves_the_period(page: Page, address: str) -> None:
    press_on(page, 2, 6)
    expect(page.locator(".hist-range")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".hist-range")).to_have_count(0)
    page.mouse.up()
    total(page, 2 * DAYS)
    assert page.url == address


def test_click_on_one_bar_narrows_to_it(page: Page) -> None:
    page.mouse.click(*centre(bars(page).nth(4)))
    total(page, 2)


def test_shift_and_arrows_choose_bars_and_enter_narrows_to_them(page: Page) -> None:
    bars(page).nth(3).focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".hist-range span")).to_have_text(re.compile("^Thu 11/05.* – Fri 11/06"))
    expect(page.locator("#announce")).to_have_text(re.compile("^Thu 11/05"))
    page.keyboard.press("Enter")
    total(page, 4)


def test_finger_dragged_over_bars_narrows_the_period(page: Page) -> None:
    first, last = centre(bars(page).nth(3)), centre(bars(page).nth(5))
    session = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", first[0]), ("touchMove", last[0] - 9), ("touchMove", last[0])):
        point = {"x": x, "y": first[1]}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    total(page, 6)
