"""From signing in to a file in hand, in a real browser."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Download, expect

from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor, visit
from tests.support.factories import append_events, event_input, make_member, make_workspace

START = datetime(2026, 11, 16, 10, tzinfo=UTC)


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(
        workspace,
        [
            event_input(
                activity="shipment.update" if n % 4 else "user.login",
                status="error" if n % 3 == 0 else "success",
                occurred_at=(START + timedelta(seconds=n)).isoformat(),
                path=f"/{n}",
            )
            for n in range(90)
        ],
    )
    return workspace


def shown(visitor: Visitor) -> list[str]:
    rows = visitor.page.locator("#log-rows tr[data-event-id]")
    return [str(rows.nth(n).get_attribute("data-event-id")) for n in range(rows.count())]


def ids_in(download: Download, path: Path) -> list[str]:
    """The ids of the events in a CSV that the browser has fetched."""
    download.save_as(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row["event_id"] for row in csv.DictReader(file)]


@pytest.mark.usefixtures("worker")
def test_an_admin_filters_shares_and_downloads_the_log(
    acme: Workspace, visitor: Visitor, browser: Browser, server: str, tmp_path: Path
) -> None:
    admin = make_member(acme)
    page = visitor.page
    visitor.fill_sign_in(admin, f"/w/{acme.slug}/audit-logs")
    expect(page.locator("#log-rows tr[data-event-id]")).to_have_count(50)

    # A filter changes the table and the address, and the page is not loaded again.
    page.evaluate("window.sameDocument = true")
    page.get_by_role("checkbox", name="Error").check()
    expect(page.locator("#count [data-count='30']")).to_be_visible()
    expect(page.locator("#log-rows tr[data-event-id]")).to_have_count(30)
    assert page.evaluate("window.sameDocument") is True
    assert "status=error" in page.url
    filtered = shown(visitor)

    # The address can be shared with a browser that runs no scripts.
    plain = visit(browser, server, java_script_enabled=False)
    plain.fill_sign_in(admin, f"/w/{acme.slug}/audit-logs")
    plain.open(page.url.removeprefix(server))
    assert shown(plain) == filtered
    plain.context.close()

    # A small file comes at once, and is kept.
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert ids_in(download.value, tmp_path / "file.csv") == filtered
    expect(page.locator("#toasts .toast")).to_contain_text("Export ready")

    # A report is built in the background, and the page says within a second when it is ready.
    page.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="PDF").click()
    toasts = page.locator("#toasts .toast")
    expect(toasts.filter(has_text="Export ready")).to_have_count(2, timeout=60_000)
    visitor.open(f"/w/{acme.slug}/exports")
    ready = page.locator("[data-export-id][data-state=ready]")
    expect(ready).to_have_count(2)
    with page.expect_download() as download:
        ready.last.get_by_role("link", name="Download").click()
    assert ids_in(download.value, tmp_path / "again.csv") == filtered
