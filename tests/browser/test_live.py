"""Live: rows arrive, and what is said of them beside and above stays true."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_member, make_workspace
from tests.support.workers import eventually


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(workspace, [event_input(path=f"/{n}") for n in range(20)])
    return workspace


@pytest.fixture
def page(acme: Workspace, visitor: Visitor) -> Page:
    visitor.sign_in(make_member(acme), f"/w/{acme.slug}/audit-logs")
    expect(visitor.page.locator("#count [data-count='21']")).to_be_visible()
    visitor.page.locator("#live-toggle").click()
    return visitor.page


def bars(page: Page) -> int:
    """Count the events that the histogram's bars stand for."""
    labels = page.locator("#histogram a").evaluate_all("all => all.map(a => a.ariaLabel)")
    numbers = [re.findall(r"([\d,]+) (?:success|error)", label) for label in labels]
    return sum(int(n.replace(",", "")) for found in numbers for n in found)


def test_live_keeps_total_facets_and_histogram_true(page: Page, acme: Workspace) -> None:
    append_events(acme, [event_input(status="error", path=f"/live/{n}") for n in range(4)])
    expect(page.locator("#count [data-count='25']")).to_be_visible(timeout=15_000)
    error = page.locator("#facets .opt", has=page.locator("[name=status][value=error]"))
    expect(error.locator(".c")).to_have_text("4", timeout=15_000)
    assert bars(page) == 25


def test_live_keeps_the_total_true_while_rows_are_held_back(page: Page, acme: Workspace) -> None:
    page.locator("#log-rows a").nth(5).click()
    expect(page.locator("#event")).to_be_visible()
    append_events(acme, [event_input(path="/held/1"), event_input(path="/held/2")])
    expect(page.locator("#new-events")).to_contain_text("2 new events", timeout=15_000)
    expect(page.locator("#count [data-count='23']")).to_be_visible(timeout=15_000)


def test_live_moves_the_last_receipt_on_for_events_outside_the_filter(
    page: Page, acme: Workspace
) -> None:
    page.locator("#facets input[name=status][value=error]").click()
    expect(page.locator("#count [data-count='0']")).to_be_visible()
    through = page.get_by_text("Last received").inner_text()

    def moved() -> bool:
        """Tell whether the clock moved on, by whole seconds, with events that are outside."""
        append_events(acme, [event_input(path="/elsewhere")])
        return page.get_by_text("Last received").inner_text() != through

    assert eventually(moved, "a later time of the last receipt")
    expect(page.locator("#count [data-count='0']")).to_be_visible()
