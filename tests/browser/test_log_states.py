"""The log without scripts, after the session ended, on paper, and as the person set it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor, visit
from tests.support.factories import append_events, event_input, make_workspace


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(
        workspace,
        [
            event_input(
                activity=f"invoice.step{n % 8}",
                status="error" if n % 5 == 0 else "success",
                method="GET" if n % 2 else "POST",
                ip=f"203.0.113.{n % 4}",
                duration_ms=n * 100,
                actor={"id": f"u_{n % 3}", "role": "clerk" if n % 3 else "SRE"},
                occurred_at=f"2026-10-{10 + n // 10}T12:00:00Z",
            )
            for n in range(60)
        ],
    )
    return workspace


def test_every_filter_works_without_scripts(
    browser: Browser, server: str, acme: Workspace, admin: User
) -> None:
    visitor = visit(
        browser, server, java_script_enabled=False, viewport={"width": 1440, "height": 1000}
    )
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    rows = page.locator("#log-rows tr")

    def narrowed(number: int, name: str, value: str) -> None:
        visitor.open(f"/w/{acme.slug}/audit-logs")
        field = page.locator(f"[name={name}]:not(select, #download-menu *)")
        boxes = ", ".join(f"[type={kind}][value='{value}']" for kind in ("checkbox", "radio"))
        box = field.and_(page.locator(boxes))
        if name == "range":
            page.locator("#range-button").click()
        if name in ("ip", "min_ms"):
            page.get_by_text("Address and response time").click()
        if box.count():
            box.locator("..").click()
        else:
            field.and_(page.locator("input:not([type=checkbox])")).last.fill(value)
        page.get_by_role("button", name="Apply").last.click()
        expect(rows).to_have_count(number)

    expect(page.get_by_text("Counting")).to_be_hidden()
    narrowed(12, "status", "error")
    narrowed(8, "activity", "invoice.step0")
    narrowed(50, "activity", "invoice.*")
    narrowed(30, "method", "GET")
    narrowed(20, "user", "u_2")
    narrowed(40, "role", "clerk")
    narrowed(15, "ip", "203.0.113.1")
    narrowed(11, "min_ms", "4900")
    narrowed(1, "range", "today")
    rows.locator("a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign in")
    page.get_by_label("Breadcrumb").get_by_role("link", name="Audit Logs").click()
    visitor.context.close()


def test_ended_session_leads_to_sign_in_and_back(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page = visitor.page
    # A fragment that comes after the session has ended would lead away by itself.
    page.wait_for_load_state("networkidle")
    visitor.context.clear_cookies()
    page.locator("#facets input[value=error]").click()
    page.wait_for_url(re.compile(r"/login\?next="), wait_until="commit")
    assert f"/w/{acme.slug}/audit-logs" in page.url


def test_printed_page_has_the_rows_and_their_filter(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page = visitor.page
    visitor.open(f"/w/{acme.slug}/audit-logs?status=error&from=10/10/2026&to=10/31/2026")
    page.emulate_media(media="print")
    for gone in (".topbar", "#filters", "#q", "#pager", "#download", "#chips a"):
        assert not page.locator(gone).first.is_visible(), gone
    expect(page.locator("#chips")).to_contain_text(
        "Custom Range 10/10/2026 – 10/31/2026, times in UTC"
    )
    expect(page.locator("#chips .chip:visible")).to_have_text(re.compile("Status is Error"))
    expect(page.locator("#log-rows tr").first).to_be_visible()


def test_chosen_columns_and_density_persist(acme: Workspace, admin: User, visitor: Visitor) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page = visitor.page
    page.get_by_role("button", name="Columns and density").click()
    page.locator("#columns-menu").get_by_label("IP Address", exact=True).uncheck()
    expect(page.locator("#log-table .c-ip")).to_have_count(0)
    page.get_by_label("Compact").check()
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    expect(page.locator(".htmx-request")).to_have_count(0)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    assert page.locator("#log-table .c-ip").count() == 0
    assert page.locator("#log-table .c-us").count() > 0


def test_facet_values_beyond_the_first_five_are_found_and_added(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page = visitor.page
    page.locator("#find-activity input").first.click()
    page.keyboard.type("step7")
    page.locator("#find-activity .find-option", has_text="Step7").click()
    expect(page).to_have_url(re.compile(r"activity=invoice\.step7$"))
    expect(page.locator("#facets input[value='invoice.step7']")).to_be_checked()
    expect(page.locator("#log-rows tr")).to_have_count(7)
    page.get_by_role("link", name=re.compile("Remove filter Activity")).click()
    expect(page.locator("#log-rows tr")).to_have_count(50)
    expect(page.locator("#facets input[value='invoice.step7']:checked")).to_have_count(0)
