"""The server away: a sentence and Retry, the filter as it was applied, and no number that lies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor, visit
from tests.support.factories import append_events, event_input, make_workspace

PROXY_PAGE = "<html><body><center><h1>502 Bad Gateway</h1></center><hr>nginx</body></html>"
Fault = Callable[[Route], None]
FAULTS: dict[str, Fault] = {
    "network off": lambda route: route.abort(),
    "page of a proxy": lambda route: route.fulfill(
        status=502, content_type="text/html", body=PROXY_PAGE
    ),
    "page of a proxy that says all is well": lambda route: route.fulfill(
        status=200, content_type="text/html", body=PROXY_PAGE
    ),
    "server error without a word": lambda route: route.fulfill(status=500, body=""),
}


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(
        workspace,
        [
            event_input(status="error" if n % 3 == 0 else "success", method="POST", path=f"/{n}")
            for n in range(60)
        ],
    )
    return workspace


@pytest.fixture
def visitor(browser: Browser, server: str) -> Iterator[Visitor]:
    """A browser of its own, whose console may name the requests that fail."""
    made = visit(browser, server, viewport={"width": 1440, "height": 1000})
    yield made
    made.context.close()


@pytest.fixture
def page(acme: Workspace, admin: User, visitor: Visitor) -> Page:
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    expect(visitor.page.locator("#count [data-count='61']")).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")
    return visitor.page


def away(page: Page) -> None:
    expect(page.locator("#away")).to_be_visible()
    expect(page.locator("#away")).to_contain_text("The server does not answer")
    expect(page.locator("body")).not_to_contain_text("Bad Gateway")
    expect(page.locator("body")).not_to_contain_text("nginx")


def retry(page: Page) -> None:
    page.unroute_all()
    page.locator("#away").get_by_role("button", name="Retry").click()
    expect(page.locator("#away")).to_be_hidden()


@pytest.mark.parametrize("fault", FAULTS)
def test_filter_that_cannot_be_applied_is_taken_back_and_retried(page: Page, fault: str) -> None:
    page.route(re.compile(r"/audit-logs\?"), FAULTS[fault])
    address, error = page.url, page.locator("#facets input[name=status][value=error]")
    error.click()
    away(page)
    expect(error).not_to_be_checked()
    expect(page.locator("#log-rows tr")).to_have_count(50)
    expect(page.locator("#count [data-count='61']")).to_be_visible()
    assert page.url == address
    retry(page)
    expect(error).to_be_checked()
    expect(page.locator("#count [data-count='20']")).to_be_visible()
    expect(page).to_have_url(re.compile("status=error"))


def test_search_that_cannot_be_run_is_taken_back_and_retried(page: Page) -> None:
    page.route(re.compile(r"/audit-logs\?"), FAULTS["network off"])
    page.locator("#q").fill("status:error -activity:x")
    page.keyboard.press("Enter")
    away(page)
    expect(page.locator("#q")).to_have_value("")
    retry(page)
    expect(page.locator("#q")).to_have_value("-activity:x")
    expect(page.locator("#facets input[name=status][value=error]")).to_be_checked()
    expect(page.locator("#count [data-count='20']")).to_be_visible()


def test_server_that_never_answers_is_given_up(page: Page) -> None:
    page.evaluate("htmx.config.defaultTimeout = 500")
    page.route(re.compile(r"/audit-logs\?"), lambda route: None)
    page.locator("#facets input[value=error]").first.click()
    away(page)
    expect(page.locator("#facets input[value=error]").first).not_to_be_checked()


@pytest.mark.parametrize("fault", FAULTS)
def test_new_filter_keeps_no_number_of_the_one_before(page: Page, fault: str) -> None:
    parts = re.compile(r"/audit-logs/(count|histogram|facets|latency)")
    page.route(parts, FAULTS[fault])
    page.locator("#facets input[name=status][value=error]").click()
    expect(page.locator("#log-rows tr")).to_have_count(20)
    away(page)
    expect(page.locator("#count [data-count]")).to_have_count(0)
    expect(page.locator("#histogram a")).to_have_count(0)
    assert page.locator("#facets .c").all_inner_texts() == [""] * page.locator("#facets .c").count()
    expect(page.locator("#facets input[value=error]")).to_be_checked()
    retry(page)
    expect(page.locator("#count [data-count='20']")).to_be_visible()
    expect(page.locator("#histogram a").first).to_be_attached()
    expect(page.locator("#facets .c").first).not_to_be_empty()


def test_parts_are_blank_while_a_new_filter_is_counted(page: Page) -> None:
    page.route(re.compile(r"/audit-logs/(count|histogram|facets|latency)"), lambda route: None)
    page.locator("#facets input[name=status][value=error]").click()
    expect(page.locator("#log-rows tr")).to_have_count(20)
    expect(page.locator("#count")).to_have_text("Counting")
    expect(page.locator("#histogram a")).to_have_count(0)
    assert set(page.locator("#facets .c").all_inner_texts()) == {""}


@pytest.mark.parametrize("fault", FAULTS)
def test_unreadable_event_leaves_the_list_unchanged(page: Page, fault: str) -> None:
    address = page.url
    page.route(re.compile(r"/audit-logs/[0-9a-f-]{36}"), FAULTS[fault])
    page.locator("#log-rows a").nth(3).click()
    away(page)
    expect(page.locator("#drawer #event")).to_have_count(0)
    expect(page.locator("#log-rows tr[aria-selected=true]")).to_have_count(0)
    assert page.url == address
    retry(page)
    expect(page.locator("#drawer #event")).to_be_visible()


@pytest.mark.parametrize("fault", FAULTS)
def test_next_page_that_cannot_be_read_leaves_the_first(page: Page, fault: str) -> None:
    page.route(re.compile(r"/audit-logs\?"), FAULTS[fault])
    page.get_by_role("link", name="Older events").first.click()
    away(page)
    expect(page.locator("#log-rows tr")).to_have_count(50)
    retry(page)
    expect(page.locator("#log-rows tr")).to_have_count(11)


@pytest.mark.parametrize("fault", FAULTS)
def test_bell_without_the_server_shows_an_error(page: Page, fault: str) -> None:
    page.route(re.compile(r"/notifications$"), FAULTS[fault])
    page.locator("#bell").click()
    away(page)
    retry(page)
    expect(page.locator("#bell-menu")).to_be_visible()


@pytest.mark.parametrize("fault", FAULTS)
def test_suggestions_without_the_server_show_an_error(page: Page, fault: str) -> None:
    page.route(re.compile(r"/suggest"), FAULTS[fault])
    page.locator("#q").press_sequentially("sta")
    away(page)


@pytest.mark.parametrize("fault", FAULTS)
def test_user_finder_without_the_server_shows_an_error(page: Page, fault: str) -> None:
    page.route(re.compile(r"/users\?"), FAULTS[fault])
    page.locator("#find-user input:visible").click()
    with page.expect_request(re.compile("term=ann")):  # after the one for all users
        page.keyboard.insert_text("ann")  # at once: each letter would be asked for by itself
    expect(page.locator("#find-user")).to_contain_text("The server does not answer")
    page.unroute_all()
    page.locator("#find-user").get_by_role("button", name="Retry").click()
    expect(page.locator("#find-user .find-option").first).to_be_visible()
    expect(page.locator("#find-user")).not_to_contain_text("The server does not answer")


@pytest.mark.parametrize("fault", FAULTS)
def test_export_request_without_the_server_shows_an_error_in_the_menu(
    page: Page, fault: str
) -> None:
    page.route(re.compile(r"/exports$"), FAULTS[fault])
    with page.expect_response(re.compile("/exports/preflight")):
        page.locator("#download").click()
    page.get_by_role("button", name=re.compile("^CSV")).click()
    expect(page.locator("#download-error")).to_contain_text("The server does not answer")
    expect(page.locator("#download-menu")).to_be_visible()
    expect(page.locator("#toasts .toast")).to_have_count(0)


@pytest.mark.parametrize("fault", FAULTS)
def test_live_shows_that_it_reconnects_and_continues(
    page: Page, acme: Workspace, fault: str
) -> None:
    toggle = page.locator("#live-toggle")
    toggle.click()
    page.route(re.compile(r"/tail"), FAULTS[fault])
    expect(toggle).to_have_text("Reconnecting", timeout=10_000)
    expect(page.locator("#log-rows tr")).to_have_count(50)
    page.unroute_all()
    expect(toggle).to_have_text("Live", timeout=10_000)
    [arrived] = append_events(acme, [event_input(path="/after")]).ids
    expect(page.locator("#log-rows tr").first).to_have_attribute(
        "data-event-id", str(arrived), timeout=10_000
    )


def test_own_words_of_the_server_are_shown(page: Page) -> None:
    elsewhere = page.url.replace("/w/", "/w/not-")
    page.route(re.compile(r"/audit-logs\?"), lambda route: route.continue_(url=elsewhere))
    page.locator("#facets input[value=error]").first.click()
    expect(page.locator("#away")).to_contain_text("There is no such workspace")
    expect(page.locator("#facets input[value=error]").first).not_to_be_checked()
    expect(page.locator("#log-rows tr")).to_have_count(50)


def test_filter_clicked_as_the_session_ends_is_kept(page: Page, visitor: Visitor) -> None:
    visitor.context.clear_cookies()
    page.locator("#facets input[name=status][value=error]").click()
    page.wait_for_url(re.compile(r"/login\?next=.*status%3Derror"), wait_until="commit")


def test_download_after_signing_in_again_explains_itself(
    page: Page, visitor: Visitor, acme: Workspace, admin: User
) -> None:
    address = page.url
    other = visitor.context.new_page()
    other.goto(visitor.server + "/account")
    other.locator("[popovertarget=account-menu]").click()
    other.get_by_role("button", name="Sign out").click()
    again = Visitor(visitor.context, visitor.server, other)
    again.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    with page.expect_response(re.compile("/exports/preflight")):
        page.locator("#download").click()
    page.get_by_role("button", name=re.compile("^CSV")).click()
    expect(page.locator("#download-error")).to_contain_text("out of date")
    page.locator("#download-error").get_by_role("link", name="Reload").click()
    expect(page).to_have_url(address)
    page.locator("#download").click()
    page.get_by_role("button", name=re.compile("^CSV")).click()
    expect(page.locator("#toasts .toast")).to_be_visible()
