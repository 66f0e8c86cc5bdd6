"""Scheduling an export in a real browser, under the strict policy and the eye of axe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import violations
from tests.browser.conftest import Visitor, visit
from tests.support.factories import append_events, event_input, make_workspace
from tests.support.scheduling import end_all_schedules, let_pass, make_schedule


@pytest.fixture
def acme(server: str, owner_engine: Engine) -> Workspace:
    end_all_schedules(owner_engine)
    made = make_workspace("Halden Freight")
    append_events(made, [event_input(status="error") for _ in range(5)])
    return made


def test_schedule_is_created_from_the_log_with_a_live_preview(
    visitor: Visitor, acme: Workspace, admin: User
) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs?status=error&range=last_7_days")
    page = visitor.page
    page.get_by_role("button", name="Use view").click()
    page.get_by_role("link", name="Schedule this view").click()
    expect(page.locator("[data-chip=status]")).to_contain_text("Error")
    expect(page.locator(".found")).to_contain_text("5 events in the last 7 days")
    preview = page.locator("#schedule-preview")
    expect(preview).to_contain_text("The previous calendar week")
    expect(preview).to_contain_text("0 events matched")
    page.get_by_text("Daily", exact=True).click()
    expect(preview).to_contain_text("The previous day")
    page.get_by_role("textbox", name="Name").fill("Failures")
    page.locator("#s-time").fill("25:00")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.locator(".err-text")).to_contain_text("A time is hours and minutes")
    page.locator("#s-time").fill("07:30")
    page.get_by_role("button", name="Preview").click()
    expect(preview).to_contain_text("07:30")
    assert page.url.partition("?")[0].endswith("/schedules/new")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.get_by_role("heading", name="Failures")).to_be_visible()
    expect(page.get_by_text("Daily at 07:30")).to_be_visible()


def focused(page: Page) -> str:
    """What has the focus, by what it says."""
    said = "e => e.ariaLabel || e.closest('label')?.innerText || e.innerText || e.placeholder"
    return str(page.evaluate(f"({said})(document.activeElement)")).strip()


def test_filter_is_picked_by_keyboard(visitor: Visitor, acme: Workspace, admin: User) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/schedules/new")
    page, chips = visitor.page, visitor.page.locator("[data-chip]")
    page.get_by_role("button", name="Filter", exact=True).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add a filter")
    expect(dialog.get_by_role("tab", name="Status", exact=True)).to_be_focused()
    for key in ("ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(chips).to_have_text("Status is Error")
    expect(page.locator(".found")).to_contain_text("5 events")
    assert focused(page).startswith("Error")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("x")
    expect(page.locator(".found")).to_contain_text("is not a number of milliseconds")
    assert focused(page) == "Response time from, ms"
    page.keyboard.press("Backspace")
    expect(page.locator(".found")).to_contain_text("5 events")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert focused(page) == "Filter"
    page.get_by_role("button", name="Remove filter Status is Error").press("Enter")
    expect(chips).to_have_count(0)
    assert focused(page) == "Filter"


def test_form_shows_only_what_applies(visitor: Visitor, acme: Workspace, admin: User) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/schedules/new")
    page = visitor.page
    shown: dict[str, tuple[bool, bool]] = {}
    for frequency in ("Daily", "Weekly", "Monthly", "Quarterly"):
        page.get_by_text(frequency, exact=True).click()
        fields = (page.locator("#s-day"), page.locator("#s-mday"))
        shown[frequency] = (fields[0].is_visible(), fields[1].is_visible())
    day, month_day = (True, False), (False, True)
    assert shown == {
        "Daily": (False, False),
        "Weekly": day,
        "Monthly": month_day,
        "Quarterly": month_day,
    }
    columns = page.locator("[data-needs-columns]")
    expect(columns).to_be_visible()
    page.get_by_text("PDF", exact=True).click()
    expect(columns).to_be_hidden()


def test_columns_move_by_keyboard_and_people_are_chips(
    visitor: Visitor, acme: Workspace, admin: User
) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/schedules/new")
    page = visitor.page
    page.get_by_text("in this order").click()
    page.get_by_role("checkbox", name="Activity", exact=True).press("Alt+ArrowUp")
    first = page.locator("[data-columns-order] .t").first
    expect(first).to_have_text("Activity")
    page.get_by_role("button", name="Move Activity later").press("Enter")
    expect(first).to_have_text("Created At")
    page.get_by_role("button", name=f"Remove {admin.name}").click()
    page.get_by_role("textbox", name="Name").fill("Failures")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.locator(".err-text")).to_contain_text("Choose a recipient.")
    expect(page.get_by_role("button", name="Person")).to_be_visible()


def test_axe_passes_on_schedule_pages(
    app: Flask, browser: Browser, server: str, acme: Workspace, admin: User
) -> None:
    visitor = visit(
        browser, server, reduced_motion="reduce", viewport={"width": 1440, "height": 1000}
    )
    base = f"/w/{acme.slug}/schedules"
    visitor.sign_in(admin, base)
    found = {"none": violations(visitor.page)}
    visitor.open(f"{base}/new?status=error")
    visitor.page.get_by_role("button", name="Filter", exact=True).click()
    expect(visitor.page.locator("#filter-pick .c").first).to_be_visible()
    found["filter"] = violations(visitor.page)
    now = datetime.now(UTC)
    schedule_id = make_schedule(acme, admin, now - timedelta(days=3))
    let_pass(app, now)
    for path in (base, f"{base}/{schedule_id}", "/notifications"):
        visitor.open(path)
        found[path] = violations(visitor.page)
    visitor.context.close()
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_the_form_fits_a_phone(browser: Browser, server: str, acme: Workspace, admin: User) -> None:
    visitor = visit(browser, server, viewport={"width": 390, "height": 844})
    visitor.sign_in(admin, f"/w/{acme.slug}/schedules/new")
    width = visitor.page.evaluate("document.documentElement.scrollWidth")
    visitor.context.close()
    assert width <= 390


@pytest.mark.parametrize("width", [1440, 1024, 390, 320])
def test_newest_events_that_match_stand_in_columns_of_words(
    visitor: Visitor, acme: Workspace, admin: User, width: int
) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.sign_in(admin, f"/w/{acme.slug}/schedules/new?status=error")
    rows = visitor.page.locator(".mini-newest tr")
    expect(rows).to_have_count(3)
    heights = rows.evaluate_all("all => all.map(row => row.getBoundingClientRect().height)")
    assert max(heights) < 100, heights  # four lines
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
