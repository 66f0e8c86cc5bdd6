"""Typing in the search box: terms run when they are finished, and become the filter they equal."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visitor, visit
from tests.support.factories import append_events, event_input, make_member, make_workspace

PAUSE_MS = 600
"""Longer than the box waits for the next key."""


@pytest.fixture(scope="module")
def open_log(browser: Browser, server: str) -> Iterator[Visitor]:
    """The log of thirty events, ten of which failed, in a browser that the file shares."""
    acme = make_workspace("Acme Freight")
    failed = [event_input(activity="user.login", status="error") for _ in range(10)]
    append_events(acme, [*failed, *(event_input(activity="order.ship") for _ in range(20))])
    visitor = visit(browser, server, viewport={"width": 1440, "height": 1000})
    visitor.sign_in(make_member(acme), f"/w/{acme.slug}/audit-logs")
    yield visitor
    visitor.context.close()
    assert [said for said in visitor.said if "a status of 4" not in said] == []


@pytest.fixture
def page(open_log: Visitor) -> Page:
    page = open_log.page
    page.goto(page.url.partition("?")[0])
    expect(page.locator("#count [data-count='31']")).to_be_visible()
    page.locator("#q").click()
    return page


def total(page: Page, number: int) -> None:
    expect(page.locator(f"#count [data-count='{number}']")).to_be_visible()


def box(page: Page, name: str, value: str) -> bool:
    return page.locator(f"#filters input[name={name}][value='{value}']").first.is_checked()


def test_finished_term_is_the_filter_in_panel_chips_and_address(page: Page) -> None:
    page.keyboard.type("ship status:success -user:nobody ")
    expect(page).to_have_url(re.compile(r"\?status=success&q=ship\+-user%3Anobody$"))
    total(page, 20)
    assert box(page, "status", "success")
    expect(page.locator("#q")).to_have_value("ship -user:nobody ")
    expect(page.locator("#chips .chip").first).to_contain_text("Status is Success")
    page.keyboard.type("activity:order.* ")
    expect(page).to_have_url(re.compile(r"\?status=success&activity=order.%2A&q=ship"))
    total(page, 20)
    assert box(page, "activity", "order.*")


def test_words_typed_on_while_the_answer_is_on_its_way_stay(page: Page) -> None:
    page.keyboard.type("status:success ")
    with page.expect_response(re.compile(r"audit-logs\?.*q=")):
        page.wait_for_timeout(PAUSE_MS - 200)
        page.keyboard.type("ship")
    expect(page.locator("#q")).to_have_value("ship")
    expect(page).to_have_url(re.compile(r"\?status=success&q=ship$"))


def test_term_is_not_run_while_it_is_typed(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "audit-logs?" in sent.url else None)
    for letters in ("activity", ":", "us", "er.lo"):
        page.keyboard.type(letters)
        page.wait_for_timeout(PAUSE_MS)
    assert any("q=activity" in url for url in asked)
    assert not any("%3A" in url for url in asked)
    page.keyboard.type("gin ")
    total(page, 11)
    expect(page).to_have_url(re.compile(r"\?activity=user\.login$"))


@pytest.mark.parametrize("finish", ["Enter", "Tab", "Space"])
def test_term_is_run_when_it_is_finished(page: Page, finish: str) -> None:
    page.keyboard.type("status:error")
    page.keyboard.press(finish)
    total(page, 10)
    assert box(page, "status", "error")
    expect(page.locator("#q")).to_have_value("")


def test_picked_value_is_run_and_a_picked_key_is_not(page: Page) -> None:
    page.keyboard.insert_text("stat")
    expect(page.get_by_role("option").first).to_contain_text("status:")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("status:")
    expect(page.get_by_role("option").nth(1)).to_contain_text("error")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    total(page, 10)
    expect(page).to_have_url(re.compile(r"\?status=error$"))


def test_back_and_forward_show_the_filter_of_their_address(page: Page) -> None:
    page.keyboard.type("status:error ")
    total(page, 10)
    page.get_by_role("link", name="Remove filter Status is Error").click()
    total(page, 31)
    assert not box(page, "status", "error")
    page.go_back()
    total(page, 10)
    assert box(page, "status", "error")
    expect(page.locator("#q")).to_have_value("")
    page.go_forward()
    total(page, 31)
    assert not box(page, "status", "error")


def test_facet_ticked_after_a_term_narrows_it(page: Page) -> None:
    page.keyboard.type("activity:user.login,order.ship ")
    total(page, 31)
    page.locator("#filters input[name=status][value=error]").check()
    total(page, 10)
    expect(page).to_have_url(re.compile("status=error&activity=user.login&activity=order.ship$"))


def test_addresses_in_a_term_fill_the_panel(page: Page) -> None:
    page.keyboard.type("ip:203.0.113.7,203.0.113.8 ")
    expect(page.locator("#chips .chip")).to_have_count(2)
    page.locator("#filters input[name=status][value=error]").check()
    expect(page).to_have_url(re.compile(r"status=error&ip=203.0.113.7&ip=203.0.113.8$"))
