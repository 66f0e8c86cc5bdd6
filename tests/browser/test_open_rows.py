"""A row of a list of events opens wherever it is clicked, at every width and on every such page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from auditsaas.accounts.models import User
from auditsaas.events.event_sources import PRODUCT
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_member

WIDTHS = (1440, 1024, 390)
CELLS = ["c-act", "c-st", "lat", "c-us", "c-ua", "c-ip", "c-ws", "c-ts"]
LONG = "A very long name of a target, as an export of a filter with many words has " * 3


@pytest.fixture
def admin(acme: Workspace) -> User:
    person = make_member(acme)
    # A log of the product's own events alone waits for the first of an application.
    append_events(acme, [event_input()])
    append_events(
        acme,
        [
            event_input(
                actor={"id": str(person.id), "name": person.name, "email": person.email},
                user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/156.0.0.0",
                targets=[{"type": "export", "id": f"x{n}", "name": LONG}],
            )
            for n in range(4)
        ],
        PRODUCT,
    )
    return person


def click_middle(page: Page, cell: Locator) -> None:
    """A click of the mouse in the middle of a cell, whatever lies on top there."""
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def shown_cells(page: Page) -> list[str]:
    """The cells of the second row that the window is wide enough for."""
    row = page.locator("#log-rows tr").nth(1)
    return [name for name in CELLS if row.locator(f".{name}").is_visible()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["/w/{slug}/audit-logs", "/audit-logs"])
def test_event_opens_from_each_cell_of_its_row(
    path: str, width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page, address = visitor.page, path.format(slug=acme.slug)
    page.set_viewport_size({"width": width, "height": 900})
    visitor.sign_in(admin, address)
    cells = shown_cells(page)
    assert len(cells) >= 5
    for name in cells:
        row = page.locator("#log-rows tr").nth(1)
        click_middle(page, row.locator(f".{name}"))
        expect(page.locator("#drawer #event"), name).to_be_visible()
        expect(page.locator("#drawer .mono").first).to_contain_text(
            str(row.get_attribute("data-event-id"))
        )
        page.keyboard.press("Escape")
        expect(page.locator("#drawer #event")).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
def test_event_of_my_activity_opens_from_each_cell_of_its_row(
    width: int, admin: User, visitor: Visitor
) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 900})
    visitor.sign_in(admin, "/me/activity")
    for name in shown_cells(page):
        click_middle(page, page.locator("#log-rows tr").nth(1).locator(f".{name}"))
        expect(page.locator("#event"), name).to_be_visible()
        visitor.open("/me/activity")


@pytest.mark.parametrize("width", [1440, 390])
def test_related_event_opens_from_each_cell_of_its_row(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 900})
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    for cell in range(4):
        visitor.open(f"/w/{acme.slug}/audit-logs")
        page.locator("#log-rows a").nth(1).click()
        page.locator("#related").evaluate("related => related.scrollIntoView()")
        expect(page.locator("#related tr").nth(1)).to_be_visible()
        opened = page.url
        click_middle(page, page.locator("#related tr").nth(1).locator("td").nth(cell))
        expect(page, str(cell)).not_to_have_url(opened)
        expect(page.locator("#drawer #event")).to_be_visible()


@pytest.mark.parametrize("width", [390, 320])
def test_long_target_lets_no_page_scroll_sideways(
    width: int, acme: Workspace, admin: User, visitor: Visitor
) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 800})
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    for path in ("/audit-logs", f"/w/{acme.slug}/audit-logs", "/me/activity"):
        visitor.open(path)
        expect(page.locator("#log-rows tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.locator("#log-rows a").nth(1).click()
    expect(page.locator("#event")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
