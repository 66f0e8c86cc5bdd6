"""Find-and-add fields: what was typed is what is chosen, however fast Enter comes."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.browser.conftest import Visitor
from tests.support.factories import append_events, event_input, make_member, make_workspace

PEOPLE = {
    "u_amina": "Amina Diop",
    "u_bruno": "Bruno Costa",
    "u_carla": "Carla Mendes",
    "u_dina": "Dina Rossi",
    "u_elif": "Elif Yılmaz",
    "u_marcus": "Marcus Webb",
    "u_mateo": "Mateo Silva",
    "u_zoe": "Zoë Tamas",
}


@pytest.fixture
def acme(server: str) -> Workspace:
    workspace = make_workspace("Acme Freight")
    append_events(
        workspace,
        [
            event_input(
                activity=f"{noun}.{'update' if n % 2 else 'create'}",
                actor={"id": key, "name": name, "role": f"role{n}"},
            )
            for n, (key, name) in enumerate(PEOPLE.items())
            for noun in ("cargo", "invoice", "container", "quote")
        ],
    )
    return workspace


@pytest.fixture
def page(acme: Workspace, visitor: Visitor) -> Page:
    admin: User = make_member(acme)
    visitor.sign_in(admin, f"/w/{acme.slug}/audit-logs")
    expect(visitor.page.locator("#find-user .find-begin")).to_be_visible()
    visitor.page.wait_for_load_state("networkidle")
    return visitor.page


def chosen(page: Page, name: str) -> list[str]:
    """Read a filter from the address, once the page has followed."""
    expect(page.locator(".htmx-request")).to_have_count(0)
    return parse_qs(urlsplit(page.url).query).get(name, [])


def type_in(page: Page, name: str, text: str, delay: float) -> None:
    page.locator(f"#find-{name} input:visible").click()
    page.keyboard.type(text, delay=delay)


@pytest.mark.parametrize("delay", [0, 40, 150])
@pytest.mark.parametrize("pause", [0, 150, 400])
def test_user_finder_picks_the_name_typed_however_fast_enter_comes(
    page: Page, delay: float, pause: float
) -> None:
    type_in(page, "user", "elif", delay)
    page.wait_for_timeout(pause)
    page.keyboard.press("Enter")
    expect(page.locator("#chips")).to_contain_text("Elif Yılmaz")
    assert chosen(page, "user") == ["u_elif"]


def test_enter_before_the_answer_waits_for_it(page: Page) -> None:
    held: list[Route] = []
    page.route(re.compile(r"/users\?.*term=zo"), lambda route: held.append(route))
    type_in(page, "user", "zo", 30)
    page.keyboard.press("Enter")
    expect(page.locator("#find-user")).to_contain_text("Looking")
    assert "user=" not in page.url
    for route in held:
        route.continue_()
    expect(page.locator("#chips")).to_contain_text("Zoë Tamas")
    assert chosen(page, "user") == ["u_zoe"]


def test_enter_on_an_unknown_name_chooses_no_user(page: Page) -> None:
    type_in(page, "user", "xyzzy", 30)
    page.keyboard.press("Enter")
    expect(page.locator("#find-user")).to_contain_text("Nothing by that name")
    assert chosen(page, "user") == []


def test_enter_in_an_empty_finder_chooses_no_user(page: Page) -> None:
    page.locator("#find-user input:visible").click()
    expect(page.locator("#find-user .find-option").first).to_be_visible()
    page.keyboard.press("Enter")
    assert chosen(page, "user") == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#chips")).to_contain_text("User")


def test_user_finder_lists_beginnings_first(page: Page) -> None:
    type_in(page, "user", "ma", 30)
    names = page.locator("#find-user .find-option .t")
    expect(names).to_have_count(4)
    found = [text.splitlines()[0] for text in names.all_inner_texts()]
    assert found[:2] == ["Marcus Webb", "Mateo Silva"]


def test_typed_text_is_gone_and_the_list_closed_after_a_pick(page: Page) -> None:
    type_in(page, "user", "carla", 30)
    page.keyboard.press("Enter")
    expect(page.locator("#chips")).to_contain_text("Carla Mendes")
    expect(page.locator("#find-user .ts-dropdown")).to_be_hidden()
    expect(page.locator("#find-user .ts-control input")).to_have_value("")
    type_in(page, "user", "dina", 30)
    page.keyboard.press("Enter")
    expect(page.locator("#chips")).to_contain_text("Dina Rossi")
    assert chosen(page, "user") == ["u_carla", "u_dina"]


@pytest.mark.parametrize(
    ("name", "typed", "meant"),
    [("activity", "quote", "quote.create"), ("role", "role7", "role7")],
)
@pytest.mark.parametrize("delay", [0, 40])
def test_local_finder_picks_what_was_typed_however_fast_enter_comes(
    page: Page, name: str, typed: str, meant: str, delay: float
) -> None:
    expect(page.locator(f"#find-{name} option[value='{meant}']")).to_be_attached()
    type_in(page, name, typed, delay)
    page.keyboard.press("Enter")
    expect(page.locator("#chips .chip")).to_have_count(1)
    assert chosen(page, name) == [meant]


def test_local_finder_without_matches_chooses_no_value(page: Page) -> None:
    type_in(page, "activity", "xyzzy", 0)
    page.keyboard.press("Enter")
    expect(page.locator("#find-activity")).to_contain_text("Nothing by that name")
    assert chosen(page, "activity") == []


def test_user_finder_after_sign_out_shows_an_error(page: Page, visitor: Visitor) -> None:
    visitor.context.clear_cookies()
    type_in(page, "user", "elif", 30)
    expect(page.locator("#find-user")).to_contain_text("You are signed out")
    expect(page.locator("#find-user .loading")).to_have_count(0)
    assert "next=" in str(page.locator("#find-user a").get_attribute("href"))


def test_suggestion_of_an_earlier_text_is_never_taken(page: Page) -> None:
    box = page.locator("#q")
    box.click()
    page.keyboard.type("act", delay=30)
    expect(page.locator("#q-suggestions li").first).to_be_visible()
    page.route(re.compile("/suggest"), lambda route: None)
    page.keyboard.type("ivity:user.login status:er", delay=0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("activity:user.login status:er")
