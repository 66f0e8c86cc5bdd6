"""The log page as people use it: by keys alone, while events arrive, and with hostile events."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input

START = datetime(2026, 11, 16, 10, tzinfo=UTC)


def fill(workspace: Workspace, number: int = 60) -> None:
    append_events(
        workspace,
        [
            event_input(
                occurred_at=(START + timedelta(seconds=n)).isoformat(),
                activity="invoice.update" if n % 2 else "user.login",
                status="error" if n % 5 == 0 else "success",
                path=f"/invoices/{n}",
            )
            for n in range(number)
        ],
    )


def test_log_page_works_by_keyboard_alone(acme: Workspace, admin: User, visitor: Visitor) -> None:
    fill(acme)
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page, keys = visitor.page, visitor.page.keyboard
    first = page.locator("#log-rows tr").first
    expect(page.locator("#count [data-count='61']")).to_be_visible()

    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#content")).to_be_focused()

    keys.press("j")
    expect(first.locator("a")).to_be_focused()
    keys.press("j")
    keys.press("Enter")
    expect(page.locator("#event")).to_be_focused()
    opened = page.url
    assert "/audit-logs/" in opened
    keys.press("j")
    expect(page).not_to_have_url(opened)
    keys.press("Escape")
    expect(page.locator("#event")).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"/w/{acme.slug}/audit-logs\?range=all(#content)?$"))
    expect(page.locator("#log-rows tr").nth(2).locator("a")).to_be_focused()

    keys.press("/")
    expect(page.locator("#q")).to_be_focused()
    keys.type("status:error activity:user.*")
    keys.press("Enter")
    expect(page.locator("#count [data-count]")).not_to_have_attribute("data-count", "61")
    expect(page.locator("#log-rows tr")).to_have_count(6)
    expect(page.locator("#q")).to_have_value("")
    keys.type("nothing-like-this")
    expect(page.locator("#log-rows tr")).to_have_count(0)
    keys.press("Escape")
    expect(page.locator("#log-rows tr")).to_have_count(6)
    page.get_by_role("link", name="Reset all").click()
    expect(page.locator("#log-rows tr")).to_have_count(50)

    page.locator("#content").focus()
    keys.press("d")
    expect(page.locator("#download-menu")).to_be_visible()
    keys.press("Escape")
    keys.press("?")
    expect(page.locator("#keys")).to_be_visible()


def test_invalid_term_is_explained_at_the_search_box_and_input_stays(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    fill(acme, 5)
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page = visitor.page
    page.locator("#q").fill("activty:user.login")
    page.keyboard.press("Enter")
    expect(page.locator("#q-error")).to_contain_text("activty")
    expect(page.locator("#log-rows")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("activty:user.login")
    page.locator("#q-error").get_by_role("link").hover()
    page.mouse.down()  # which leaves the box; the link is still there to be let go on
    expect(page.locator("#q")).not_to_be_focused()
    page.wait_for_function("!document.querySelector('.htmx-request')")
    page.mouse.up()
    expect(page.locator("#log-rows tr")).to_have_count(4)  # three and the sign-in itself


def test_live_events_appear_without_moving_the_rows_in_view(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    fill(acme)
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page = visitor.page
    page.get_by_role("button", name="Live").click()
    [arrived] = append_events(acme, [event_input(path="/live/1")]).ids
    top = page.locator("#log-rows tr").first
    expect(top).to_have_attribute("data-event-id", str(arrived), timeout=10_000)

    page.locator("#log-rows tr").nth(20).locator("a").click()
    expect(page.locator("#event")).to_be_visible()
    append_events(acme, [event_input(path="/live/2"), event_input(path="/live/3")])
    expect(page.locator("#new-events")).to_contain_text("2 new events", timeout=10_000)
    expect(top).to_have_attribute("data-event-id", str(arrived))


def test_hostile_events_are_shown_as_text(acme: Workspace, admin: User, visitor: Visitor) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'\u202e\u200b\u2066🚀"
    append_events(
        acme,
        [
            event_input(
                activity="javascript:alert(3)",
                path="/" + hostile * 30,
                user_agent=hostile * 30,
                method="<b>",
                request_id="r" * 128,
                actor={"id": hostile, "name": hostile * 4, "email": hostile},
                targets=[{"type": "t", "id": f"{hostile}{n}"} for n in range(20)],
                changes={hostile: [hostile, {"a": [hostile]}]},
                metadata={hostile: hostile * 200, "__proto__": {"x": 1}},
            ),
            event_input(path="/" + "a" * 4000, user_agent="A" * 2048, actor={"id": "i" * 256}),
        ],
    )
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page = visitor.page
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.reload()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for row in range(3):
            page.goto(f"{visitor.server}/w/{acme.slug}/audit-logs")
            page.locator("#log-rows a").nth(row).click()
            expect(page.locator("#event")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert "\u202e" not in page.locator("body").inner_text()
    assert page.locator("script:not([src])").count() == 0


def test_escape_gives_up_an_event_that_is_on_its_way(
    acme: Workspace, admin: User, visitor: Visitor
) -> None:
    fill(acme, 3)
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    page, link = visitor.page, visitor.page.locator("#log-rows a").first
    of_event = re.compile(r"/audit-logs/[0-9a-f-]{36}")
    page.route(of_event, lambda _route: None)  # it is never answered
    link.focus()
    with page.expect_request(of_event):
        page.keyboard.press("Enter")
    with page.expect_event("requestfailed"):
        page.keyboard.press("Escape")
    expect(link).to_be_focused()
    expect(page.locator("#event")).to_have_count(0)
    expect(page.locator("#log-rows [aria-selected]")).to_have_count(0)
    expect(page.locator("#away")).to_be_hidden()
    page.unroute(of_event)
    page.keyboard.press("Enter")
    expect(page.locator("#event")).to_be_focused()
