"""Nothing that is on the page moves when its slower parts arrive."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import PHONE, Visitor, visit
from tests.support.factories import append_events, event_input, make_member, make_workspace

SLOWER = re.compile("/audit-logs/(count|facets|histogram)")
WATCH = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            const moved = entry.sources.map(({ node }) => node?.outerHTML ?? node?.data);
            // A blank between two words is nothing that is seen.
            const seen = moved.filter((text) => text?.trim());
            if (seen.length || !moved.length) window.shifts.push([entry.value, seen]);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""
SETTLED = "document.fonts.ready.then(() => { window.shifts = []; })"
"""A font that is late is another matter."""

PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def watched(browser: Browser, server: str, size: ViewportSize) -> Visitor:
    visitor = visit(browser, server, viewport=size)
    visitor.page.add_init_script(WATCH)
    return visitor


def shifts(page: Page) -> list[object]:
    page.evaluate(PAINTED)
    return list(page.evaluate("window.shifts"))


WIDE, NARROW = ViewportSize(width=1440, height=1000), ViewportSize(width=1200, height=760)


@pytest.mark.parametrize("size", [WIDE, NARROW, PHONE], ids=["wide", "narrow", "phone"])
@pytest.mark.parametrize("activities", [3, 9], ids=["few", "many"])
def test_layout_is_stable_while_counts_facets_and_histogram_load(
    browser: Browser, server: str, size: ViewportSize, activities: int
) -> None:
    workspace = make_workspace("Acme Freight")
    append_events(workspace, [event_input(activity=f"a.{n % activities}") for n in range(80)])
    visitor = watched(browser, server, size)
    page, held = visitor.page, list[Route]()
    visitor.sign_in(make_member(workspace), "/account")

    def hold(route: Route) -> None:
        held.append(route)

    page.route(SLOWER, hold)
    visitor.open(f"/w/{workspace.slug}/audit-logs")
    page.evaluate(PAINTED)
    page.evaluate(SETTLED)
    assert len(held) == 3
    for route in held:
        route.continue_()
        page.evaluate(PAINTED)
    expect(page.locator("#histogram a").first).to_be_attached()
    expect(page.locator("#facets .c").first).to_be_attached()
    expect(page.locator("#beside-count .lat-sum")).to_contain_text("95% within")
    moved = shifts(page)
    visitor.context.close()
    assert moved == []


def test_layout_shift_is_detected(browser: Browser, server: str, acme: Workspace) -> None:
    visitor = watched(browser, server, WIDE)
    visitor.sign_in(make_member(acme), f"/w/{acme.slug}/audit-logs")
    expect(visitor.page.locator("#count [data-count]")).to_be_visible()  # its answer replaces it
    visitor.page.evaluate(PAINTED)
    visitor.page.evaluate(
        "document.querySelector('#count').append(document.createElement('pre'), 'x')"
    )
    moved = shifts(visitor.page)
    visitor.context.close()
    assert moved


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(workspace, [event_input()] * 20)
    return workspace
