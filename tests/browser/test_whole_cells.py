"""What a row says is whole: on any screen, in either density, and on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from auditsaas.accounts.models import User
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.workspaces.models import Workspace
from tests.browser.axe import settled
from tests.browser.conftest import Visitor, visit
from tests.support.exporting import ask
from tests.support.factories import append_events, event_input, make_member, make_workspace

NAME = "Maximiliane Hohenstaufen-Wittgenstein von der Recke"
ADDRESS = "maximiliane.hohenstaufen-wittgenstein@logistics.acme.example"
IPV6 = "2001:db8:85a3:1111:2222:8a2e:1370:7334"
AGENT = f"acme-fleet-telemetry/{'4' * 20}.{'7' * 60} (build {'9' * 90})"
HEADINGS = ["Activity", "Status", "User", "User Agent", "IP Address", "Workspace", "Created At"]
IS_CUT = """all => all.filter(one => one.offsetParent !== null && (
    one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1
)).map(one => one.textContent)"""
OVERLAPS = """() => {
    const shown = [...document.querySelectorAll(".hist-x .tick")].filter(
        one => getComputedStyle(one).visibility === "visible");
    const boxes = shown.map(one => {
        const range = document.createRange();
        range.selectNodeContents(one);
        return range.getBoundingClientRect();
    });
    const end = document.querySelector(".hist").getBoundingClientRect().right + 1;
    const meets = (box, at) => box.right > (boxes[at + 1]?.left ?? end);
    return [boxes.length, boxes.filter(meets).length];
}"""


@pytest.fixture(scope="module")
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight and Forwarding of the Upper Rhine")
    hard = event_input(
        actor={"id": "u_max", "name": NAME, "email": ADDRESS, "status": "disabled"},
        ip=IPV6,
        user_agent=AGENT,
        targets=[{"type": "export", "id": "x", "name": "a very long name of a target " * 8}],
    )
    append_events(workspace, [event_input(path=f"/{n}") for n in range(20)])
    append_events(workspace, [hard | {"path": f"/hard/{n}"} for n in range(4)])
    return workspace


@pytest.fixture(scope="module")
def admin(acme: Workspace) -> User:
    """Who asked for an export of a filter with a long name."""
    person = make_member(acme)
    ask(person, [acme], EventFilter(user=(ADDRESS * 4,)))
    return person


@pytest.fixture(scope="module")
def quiet(browser: Browser, server: str, admin: User) -> Iterator[Visitor]:
    """One signed-in browser for the tests that only look."""
    visitor = visit(browser, server, viewport={"width": 1440, "height": 900})
    visitor.sign_in(admin)
    yield visitor
    visitor.context.close()
    assert visitor.said == []


def look(visitor: Visitor, path: str, width: int) -> Page:
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.open(path)
    settled(visitor.page)
    return visitor.page


def who(page: Page) -> Locator:
    """The cell that holds the longest name and address."""
    return page.locator("#log-rows .who", has_text=NAME).first


@pytest.mark.parametrize("path", ["/audit-logs", "/w/{slug}/audit-logs"])
@pytest.mark.parametrize("width", [1440, 1024, 390, 320])
def test_names_and_addresses_are_whole_and_nothing_scrolls_sideways(
    quiet: Visitor, acme: Workspace, width: int, path: str
) -> None:
    page = look(quiet, path.format(slug=acme.slug), width)
    expect(who(page)).to_contain_text(ADDRESS)
    expect(who(page).locator(".sub").last).to_be_visible()
    cells = page.locator("#log-rows :is(.who, .who .sub, .c-us, .c-ip, .c-ws)")
    assert cells.evaluate_all(IS_CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1440, 1200, 1199, 1024, 992, 991, 768, 767, 320])
def test_export_s_name_has_room_beside_what_is_told_of_it(
    quiet: Visitor, acme: Workspace, width: int
) -> None:
    page = look(quiet, f"/w/{acme.slug}/exports", width)
    box = page.locator("#exports tbody td").first.bounding_box()
    assert box is not None
    assert box["width"] > 130
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("by", ["hover", "focus"])
def test_compact_row_opens_what_it_has_no_room_for(
    quiet: Visitor, acme: Workspace, by: str
) -> None:
    page = look(quiet, f"/w/{acme.slug}/audit-logs", 1440)
    page.evaluate("document.documentElement.dataset.density = 'compact'")
    page.mouse.move(0, 0)
    row = page.locator("#log-rows tr", has_text=NAME).first
    assert who(page).evaluate("one => one.scrollWidth > one.clientWidth")
    height = row.bounding_box()
    if by == "hover":
        at = who(page).bounding_box()
        assert at
        page.mouse.move(at["x"] + 9, at["y"] + 9)
    else:
        row.locator("a").first.focus()
    expect(who(page)).to_have_css("white-space", "normal")
    assert who(page).evaluate_all(IS_CUT) == []
    assert row.bounding_box() == height


@pytest.mark.parametrize("width", [1440, 390, 320])
@pytest.mark.parametrize("period", ["last_week", "last_90_days", "last_quarter"])
def test_dates_beneath_the_bars_stand_apart(
    quiet: Visitor, acme: Workspace, width: int, period: str
) -> None:
    page = look(quiet, f"/w/{acme.slug}/audit-logs?range={period}", width)
    expect(page.locator(".hist-x .tick").first).to_be_attached()
    shown, overlapping = page.evaluate(OVERLAPS)
    assert shown >= 2
    assert overlapping == 0


def test_end_of_the_scale_stands_above_the_bars(quiet: Visitor, acme: Workspace) -> None:
    page = look(quiet, f"/w/{acme.slug}/audit-logs", 390)
    end, bars = page.locator(".hist .max").bounding_box(), page.locator(".hist svg").bounding_box()
    assert end
    assert bars
    assert end["y"] + end["height"] <= bars["y"] + 1


def letters(text: str) -> str:
    """A text without what goes where its lines are broken."""
    return re.sub(r"[^\w@.:/]", "", text)


@pytest.mark.parametrize("landscape", [True, False], ids=["landscape", "portrait"])
def test_paper_has_every_column_and_all_of_it(
    quiet: Visitor, acme: Workspace, landscape: bool
) -> None:
    page = look(quiet, "/audit-logs", 1440)
    printed = pdfium.PdfDocument(page.pdf(format="A4", landscape=landscape))
    text = "".join(one.get_textpage().get_text_bounded() for one in printed)
    cells = [NAME, ADDRESS, IPV6, acme.name, "(disabled)", AGENT[:20], "84 ms", "203.0.113.7"]
    for wanted in (*HEADINGS, *cells):
        assert letters(wanted) in letters(text), wanted
