"""A double click acts once, with scripts and without; and what was made is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tasks.schedules import tick
from tests.browser.conftest import Visitor, visit
from tests.support.factories import append_events, event_input, make_workspace
from tests.support.scheduling import end_all_schedules


@pytest.fixture
def acme(server: str, owner_engine: Engine) -> Workspace:
    end_all_schedules(owner_engine)
    workspace = make_workspace("Acme Freight")
    append_events(workspace, [event_input(status="error", path=f"/{n}") for n in range(5)])
    return workspace


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(
    browser: Browser, server: str, acme: Workspace, admin: User, request: pytest.FixtureRequest
) -> Iterator[Page]:
    made = visit(
        browser,
        server,
        java_script_enabled=request.param,
        viewport={"width": 1440, "height": 1000},
        base_url=server,
    )
    made.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    yield made.page
    made.context.close()


def count(page: Page, path: str, rows: str) -> int:
    page.goto(path)
    return page.locator(rows).count()


def test_format_of_download_asks_for_one_export(page: Page, acme: Workspace) -> None:
    page.locator("#download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^CSV")).dblclick()
    assert download.value.suggested_filename.startswith(f"{acme.slug}_")
    assert count(page, f"/w/{acme.slug}/exports", "[data-export-id]") == 1


def test_schedule_is_made_once(page: Page, acme: Workspace) -> None:
    page.goto(f"/w/{acme.slug}/schedules/new")
    page.get_by_role("textbox", name="Name").fill("Failures")
    page.get_by_role("button", name="Create schedule").dblclick()
    expect(page.get_by_role("heading", name="Failures")).to_be_visible()
    assert count(page, f"/w/{acme.slug}/schedules", "[data-schedule-id]") == 1


def test_report_is_run_once(page: Page, acme: Workspace) -> None:
    page.goto(f"/w/{acme.slug}/schedules/new")
    page.get_by_role("textbox", name="Name").fill("Failures")
    page.get_by_role("button", name="Create schedule").click()
    page.get_by_role("button", name="Run now").dblclick()
    expect(page.locator("[data-run-id]")).to_have_count(1)


def test_key_is_made_once_and_its_secret_shown(page: Page, acme: Workspace) -> None:
    page.goto(f"/w/{acme.slug}/api-keys/new")
    page.get_by_label("Name").fill("scanner")
    page.get_by_role("button", name="Make key").dblclick()
    expect(page.get_by_label("New API key")).to_have_value(re.compile("^aud_"))
    assert count(page, f"/w/{acme.slug}/api-keys", "[data-key-id]") == 1


def test_invitation_is_sent_once(page: Page, acme: Workspace) -> None:
    page.goto(f"/w/{acme.slug}/members/invite")
    page.get_by_label("Email").fill("new@example.com")
    page.get_by_role("button", name="Send invitation").dblclick()
    expect(page.get_by_label("Invitation link")).to_have_value(re.compile("/invitations/"))
    assert count(page, f"/w/{acme.slug}/members", "[data-status=invited]") == 1


def test_view_is_saved_once(page: Page, acme: Workspace) -> None:
    page.goto(f"/w/{acme.slug}/audit-logs?status=error")
    page.get_by_role("button", name="Use view").click()
    page.get_by_role("button", name="Save view").click()
    page.get_by_role("textbox", name="Name").fill("Failures")
    page.locator("#save-view").get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.locator("#views").get_by_role("link", name="Failures")).to_have_count(1)


def test_file_is_imported_once(page: Page, acme: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text("a line\n")
    page.goto(f"/w/{acme.slug}/imports/new")
    page.locator("input[type=file]").first.set_input_files(file)
    page.locator("#content form").get_by_role("button", name=re.compile("Import")).first.dblclick()
    expect(page.locator("[data-import-id]").first).to_be_visible()
    assert count(page, f"/w/{acme.slug}/imports", "[data-import-id]") == 1


def test_export_can_be_asked_for_again_from_the_same_page(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    for number in (1, 2):
        page.locator("#download").click()
        page.get_by_role("button", name=re.compile("^CSV")).click()
        expect(page.locator("#toasts .toast")).to_have_count(number)
    visitor.open(f"/w/{acme.slug}/exports")
    expect(page.locator("[data-export-id]")).to_have_count(2)


def test_taken_view_name_is_refused_at_its_field(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    for query in ("?status=error", "?status=success"):
        visitor.open(f"/w/{acme.slug}/audit-logs{query}")
        page.get_by_role("button", name="Use view").click()
        page.get_by_role("button", name="Save view").click()
        page.get_by_role("textbox", name="Name").fill("Failures")
        page.locator("#save-view").get_by_role("button", name="Save", exact=True).click()
        if query == "?status=error":
            page.wait_for_url(re.compile("view="))
    expect(page.locator("#view-name-error")).to_contain_text("You have a view called Failures")
    expect(page.locator("#view-name")).to_have_value("Failures")
    expect(page.locator("#view-name")).to_have_attribute("aria-invalid", "true")
    expect(page).to_have_url(re.compile(r"\?status=success$"))
    page.locator("#view-name").fill("Successes")
    page.locator("#save-view").get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile("view="))


@pytest.mark.usefixtures("worker")
def test_report_on_its_schedule_becomes_sent_by_itself(
    app: Flask, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = visitor.page
    visitor.sign_in(admin, f"/w/{acme.slug}/schedules/new")
    page.get_by_role("textbox", name="Name").fill("Failures")
    page.get_by_role("button", name="Create schedule").click()
    page.get_by_role("button", name="Run now").click()
    row = page.locator("[data-run-id]")
    expect(row.get_by_role("link", name="Download")).to_be_visible(timeout=60_000)
    with app.app_context():
        tick(datetime.now(UTC))
    expect(row).to_have_attribute("data-state", "sent", timeout=60_000)
    expect(row.get_by_role("link", name="Download")).to_be_visible()
