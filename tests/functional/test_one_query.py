"""Panel, chips, search box and address of the log say the same of a query, however it was given."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    sign_in,
)
from tests.support.htmx import PARTIAL

Pairs = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def admin(acme: Workspace, client: FlaskClient) -> User:
    user = make_member(acme)
    sign_in(client, user)
    failed = event_input(activity="user.login", status="error", method="POST")
    append_events(acme, [event_input(), failed])
    return user


def log(workspace: Workspace, *pairs: tuple[str, str]) -> str:
    return f"/w/{workspace.slug}/audit-logs?{urlencode(pairs)}"


def pairs_of(address: str) -> Pairs:
    return parse_qsl(urlsplit(address).query)


def chips(page: str) -> list[str]:
    found = re.findall(r'<span class="chip"><span>(.*?)</span>', page, re.DOTALL)
    return [unescape(" ".join(re.sub(r"<[^>]+>", "", chip).split())) for chip in found]


def removals(page: str) -> list[Pairs]:
    links = re.findall(r'href="([^"]+)"\s+hx-get="[^"]+"\s+aria-label="Remove filter', page)
    return [pairs_of(unescape(link)) for link in links]


def ticked(page: str) -> set[tuple[str, str]]:
    boxes = re.findall(r'name="(\w+)"\s+value="([^"]*)"\s+checked', page)
    return {(name, unescape(value)) for name, value in boxes if name != "range"}


def box(page: str) -> str:
    found = re.search(r'id="q"[^>]*?value="([^"]*)"', page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


TYPED = 'refund status:error user:"Ann Lee" -activity:order.* method:POST,PUT'
SAID = [
    ("status", "error"),
    ("method", "POST"),
    ("method", "PUT"),
    ("user", "Ann Lee"),
    ("q", "refund -activity:order.*"),
]


def test_typed_terms_lead_to_the_address_of_the_filters_that_they_equal(
    acme: Workspace, client: FlaskClient
) -> None:
    answer = client.get(log(acme, ("q", TYPED), ("limit", "25")))
    assert answer.status_code == 302
    assert pairs_of(answer.location) == [*SAID, ("limit", "25")]
    assert client.get(answer.location).status_code == 200


def test_page_of_typed_terms_ticks_boxes_and_leaves_the_rest_in_the_search(
    acme: Workspace, client: FlaskClient
) -> None:
    page = client.get(log(acme, ("q", TYPED)), follow_redirects=True).text
    assert ticked(page) >= set(SAID[:3])
    assert box(page) == "refund -activity:order.*"
    assert chips(page) == [
        "Status is Error",
        "HTTP method is POST",
        "HTTP method is PUT",
        "User is Ann Lee",
        "Search “refund”",
        "Activity type does not start with order.",
    ]


def test_answer_to_typed_terms_pushes_the_address_and_says_the_filter(
    acme: Workspace, client: FlaskClient
) -> None:
    answer = client.get(log(acme, ("q", TYPED)), headers=PARTIAL)
    assert pairs_of(answer.headers["HX-Push-Url"]) == SAID
    found = re.search(r'data-query="([^"]*)"', answer.text)
    assert found is not None
    assert parse_qsl(unescape(found[1])) == SAID
    assert chips(answer.text)[0] == "Status is Error"


def test_every_chip_removes_what_it_says_and_nothing_else(
    acme: Workspace, client: FlaskClient
) -> None:
    found = removals(client.get(log(acme, *SAID)).text)
    fields, search = SAID[:-1], "refund -activity:order.*"
    assert found[:4] == [[pair for pair in SAID if pair != field] for field in fields]
    assert [left[-1] for left in found[4:]] == [("q", "-activity:order.*"), ("q", "refund")]
    assert search not in str(found[4:])


@pytest.mark.parametrize("part", ["count", "facets", "histogram"])
def test_parts_say_the_same_of_terms_and_of_the_filter(
    acme: Workspace, client: FlaskClient, part: str
) -> None:
    base = f"/w/{acme.slug}/audit-logs/{part}"
    typed, said = client.get(f"{base}?q=status:error"), client.get(f"{base}?status=error")
    assert typed.text == said.text


def test_saved_view_of_terms_opens_as_the_filter_with_its_tab_current(
    acme: Workspace, client: FlaskClient
) -> None:
    form = {"csrf_token": csrf_token(client), "name": "Failed", "query": "q=status:error"}
    saved = client.post(f"/w/{acme.slug}/views", data=form)
    page = client.get(saved.location)
    assert page.status_code == 200
    assert chips(page.text) == ["Status is Error"]
    assert re.search(r'aria-current="true"\s*>\s*Failed', page.text)


def test_term_of_a_workspace_is_the_filter_over_several_and_a_term_in_one(
    acme: Workspace, admin: User, client: FlaskClient
) -> None:
    make_member(make_workspace(), user=admin)
    several = client.get(f"/audit-logs?q=workspace:{acme.slug}")
    assert pairs_of(several.location) == [("workspace", acme.slug)]
    assert client.get(log(acme, ("q", f"workspace:{acme.slug}"))).status_code == 200
    assert client.get("/audit-logs?q=workspace:nowhere").status_code == 200


def test_excluded_user_is_called_by_name(acme: Workspace, client: FlaskClient) -> None:
    append_events(acme, [event_input(actor={"id": "u_9", "name": "Zoë Ito"})])
    page = client.get(log(acme, ("q", "-user:u_9")))
    assert chips(page.text) == ["User is not Zoë Ito"]


@pytest.mark.parametrize(
    "pairs",
    [[("status", "success"), ("q", "status:error")], [("q", "status:success status:error")]],
)
def test_contradiction_is_said_in_words(acme: Workspace, client: FlaskClient, pairs: Pairs) -> None:
    page = client.get(log(acme, *pairs), follow_redirects=True).text
    assert "data-event-id" not in page
    words = " ".join(page.split())
    assert "Status is Success and Status is Error: nothing can match." in words


SUGGESTED = r'data-text="([^"]*)"'


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("activity:us", ["user.*", "user.login", "user.logout", "customs.check", "trust.review"]),
        ("activity:check", ["customs.check"]),
        ("activity:sign", ["user.login", "user.logout"]),
        ("user:ma", ["Marcus", "mateo@x.example", "Ann Mayer", "Elif Yilmaz"]),
    ],
)
def test_beginnings_are_suggested_before_beginnings_of_words_and_the_rest(
    acme: Workspace, client: FlaskClient, typed: str, first: list[str]
) -> None:
    for activity in ("customs.check", "trust.review", "customs.check", "user.logout"):
        append_events(acme, [event_input(activity=activity)])
    people = [{"id": f"p{n}", "name": name} for n, name in enumerate(NAMES)]
    append_events(acme, [event_input(actor=person) for person in people])
    found = client.get(f"/w/{acme.slug}/audit-logs/suggest", query_string={"q": typed}).text
    labels = re.findall(r'class="sub">([^<]*)<', found)
    names = labels if typed.startswith("user:") else re.findall(SUGGESTED, found)
    assert names[: len(first)] == first


NAMES = ("Elif Yilmaz", "Ann Mayer", "Marcus", "mateo@x.example")


def test_choices_stay_beside_a_term_that_cannot_be_read(
    acme: Workspace, client: FlaskClient
) -> None:
    chosen = [("status", "error"), ("method", "POST"), ("user", "u_1"), ("range", "last_7_days")]
    answer = client.get(log(acme, *chosen, ("q", "stauts:x")))
    assert answer.status_code == 422
    assert ticked(answer.text) >= set(chosen[:3])
    assert 'value="last_7_days" checked' in " ".join(answer.text.split())
    mended = re.search(r'Did you mean <a href="([^"]+)">', " ".join(answer.text.split()))
    assert mended is not None
    assert pairs_of(unescape(mended[1])) == [*chosen, ("q", "status:x")]


def test_page_of_a_bad_term_shows_no_bar_and_no_count(acme: Workspace, client: FlaskClient) -> None:
    page = client.get(log(acme, ("status", "error"), ("q", "stauts:x"))).text
    for gone in ('class="hit"', "data-count", 'class="c"', "data-event-id"):
        assert gone not in page
