"""The period of the log: chosen on any calendar, seen at any width, and a bad date explained."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_workspace

WIDTHS = (1440, 1024, 390, 320)


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(workspace, [event_input(path=f"/{n}") for n in range(20)])
    return workspace


def open_log(visitor: Visitor, acme: Workspace, admin: User, width: int, query: str = "") -> Page:
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    visitor.open(f"/w/{acme.slug}/audit-logs{query}")
    return visitor.page


def open_range(page: Page) -> None:
    if page.locator("#filters-open").is_visible():
        page.locator("#filters-open").click()
    page.locator("#range-button").click()
    expect(page.locator("calendar-range")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_today_can_be_picked_on_the_calendar(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, width)
    open_range(page)
    today = datetime.now(UTC)
    day = page.locator("calendar-month:visible").last.get_by_role(
        "button", name=f"{today:%B} {today.day}", exact=True
    )
    expect(day).to_be_visible()
    day.click()
    expect(page.locator("#r-from")).to_have_value(f"{today:%m/%d/%Y}")
    expect(page.locator("#r-to")).to_have_value("")
    day.click()
    expect(page.locator("#r-from")).to_have_value(f"{today:%m/%d/%Y}")
    expect(page.locator("#r-to")).to_have_value(f"{today:%m/%d/%Y}")
    page.locator("#range-pop").get_by_role("button", name="Apply").click()
    expect(page.locator("#log-rows tr")).to_have_count(21)
    expect(page).to_have_url(re.compile(f"from={today:%m}%2F{today:%d}%2F{today:%Y}"))


@pytest.mark.parametrize("width", WIDTHS)
def test_calendar_of_a_range_shows_the_month_of_its_end(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, width, "?from=03/02/2026&to=05/04/2026")
    open_range(page)
    months = page.locator("calendar-month:visible")
    expect(months.get_by_role("button", name=re.compile("May 4"))).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_active_period_is_a_chip_at_every_width(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, width, "?range=today")
    today = f"{datetime.now(UTC):%m/%d/%Y}"
    if width >= 1200:
        expect(page.locator("#range-button")).to_contain_text(f"Today{today}")
    else:
        expect(page.locator("#filter-count")).to_have_text("1")
    chip = page.locator("#chips .chip")
    expect(chip).to_be_visible()
    expect(chip).to_contain_text(f"Today {today}")
    chip.get_by_role("link", name="Remove").click()
    expect(page.locator("#chips .chip")).to_have_count(0)
    expect(page.locator("#filter-count")).to_have_text("")
    expect(page).not_to_have_url(re.compile("range=(?!all)"))


@pytest.mark.parametrize("width", [1440, 390])
def test_reset_in_the_popover_clears_the_period_and_nothing_else(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, width, "?range=yesterday&status=success")
    open_range(page)
    page.locator("#range-pop").get_by_role("link", name="Reset period").click()
    expect(page.locator("#range-pop")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/audit-logs\?status=success$"))
    expect(page.locator("#range-button")).to_have_text("All Time")
    expect(page.locator("#chips .chip")).to_have_count(1)


def test_period_counts_beside_other_filters(acme: Workspace, admin: User, visitor: Visitor) -> None:
    page = open_log(visitor, acme, admin, 1024, "?range=today&method=POST")
    expect(page.locator("#filter-count")).to_have_text("2")


@pytest.mark.parametrize("width", [1440, 390])
def test_bad_date_is_named_once_at_its_field_with_the_popover_open(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, width)
    expect(page.locator("#count [data-count]")).to_be_visible()
    open_range(page)
    page.locator("#r-from").fill("11/01/2026")
    page.locator("#r-to").fill("tomorow")
    page.locator("#range-pop").get_by_role("button", name="Apply").click()
    told = page.get_by_text(re.compile("tomorow"))
    expect(told).to_have_count(1)
    expect(page.locator("#range-pop")).to_be_visible()
    expect(page.locator("#r-to")).to_have_value("tomorow")
    expect(page.locator("#r-from")).to_have_value("11/01/2026")
    expect(page.locator("#r-to")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#r-from")).not_to_have_attribute("aria-invalid", "true")
    expect(page.locator("#q")).not_to_have_class(re.compile("is-invalid"))
    described = page.locator("#r-to").get_attribute("aria-describedby")
    expect(page.locator(f"#{described}")).to_contain_text("tomorow")


def test_bad_date_leaves_no_number_of_the_filter_before(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, 1440)
    expect(page.locator("#count [data-count]")).to_be_visible()
    page.locator("#q").fill("activty:x")
    page.keyboard.press("Enter")
    expect(page.locator("#q-error")).to_contain_text("activty")
    expect(page.locator("#count [data-count]")).to_have_count(0)
    expect(page.locator("#histogram a")).to_have_count(0)
    expect(page.locator("#log-rows tr")).to_have_count(0)
    assert set(page.locator("#facets .c").all_inner_texts()) == {""}


def test_date_mended_in_the_popover_is_applied_and_closes_it(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, 1440)
    open_range(page)
    page.locator("#r-from").fill("99/99/2026")
    page.keyboard.press("Enter")
    expect(page.locator("#r-from")).to_have_attribute("aria-invalid", "true")
    page.locator("#r-from").fill(f"{datetime.now(UTC):%m/%d/%Y}")
    page.keyboard.press("Enter")
    expect(page.locator("#log-rows tr")).to_have_count(21)
    expect(page.locator("#range-pop")).to_be_hidden()
    expect(page.locator("#count [data-count='21']")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 390])
def test_bad_date_of_an_address_is_named_once(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = open_log(visitor, acme, admin, width, "?to=tomorow")
    expect(page.get_by_text(re.compile("tomorow"))).to_have_count(1)
    expect(page.get_by_text(re.compile("tomorow"))).to_be_visible()
    expect(page.locator("#q")).not_to_have_class(re.compile("is-invalid"))
