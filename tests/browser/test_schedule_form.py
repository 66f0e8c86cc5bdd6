"""Scheduling an export in a real browser, under the strict policy and the eye of axe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect
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


def test_axe_passes_on_schedule_pages(
    app: Flask, browser: Browser, server: str, acme: Workspace, admin: User
) -> None:
    visitor = visit(
        browser, server, reduced_motion="reduce", viewport={"width": 1440, "height": 1000}
    )
    base = f"/w/{acme.slug}/schedules"
    visitor.sign_in(admin, base)
    found = {"none": violations(visitor.page)}
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
