"""A search that no index and no words serve goes back in steps, and says how far it has come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.events.reading.scans import budget, few_workspaces
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_member, make_workspace, sign_in

START = datetime(2026, 11, 16, 10, tzinfo=UTC)
EVENTS = 90
NEEDLES = {0, 1, 2, 30, 31, 60, 89}
STEP = 8
"""How many events a step looks at."""


@pytest.fixture
def acme(client: FlaskClient) -> Workspace:
    workspace = make_workspace("Acme Freight")
    sign_in(client, make_member(workspace))
    return workspace


@pytest.fixture
def needles(acme: Workspace) -> list[str]:
    """The ids of seven events of ninety, newest first."""
    made = [
        event_input(
            occurred_at=(START + timedelta(seconds=n)).isoformat(),
            duration_ms=900 if n in NEEDLES else 20,
        )
        for n in range(EVENTS)
    ]
    ids = append_events(acme, made).ids
    return [str(ids[n]) for n in sorted(NEEDLES, reverse=True)]


def hurry(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Small steps, as many on a page as ``seconds`` allow."""
    monkeypatch.setattr(budget, "FIRST_STEP", STEP)
    monkeypatch.setattr(budget, "LONGEST_STEP", STEP)
    monkeypatch.setattr(
        few_workspaces, "Budget", partial(budget.Budget, seconds=seconds, step=STEP)
    )


def searched_pages(client: FlaskClient, url: str | None) -> Iterator[TestResponse]:
    """The pages of a search, each by the link that the one before offers."""
    while url is not None:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        yield answer
        found = re.search(r'href="([^"]+)"[^>]*>(?:Keep searching|Older events)</a>', answer.text)
        url = found[1].replace("&amp;", "&") if found else None


def ids_on(answer: TestResponse) -> list[str]:
    return re.findall(r'data-event-id="([^"]+)"', answer.text)


def came_to(answer: TestResponse) -> bool:
    return "Searched back to" in answer.text


@pytest.mark.parametrize("limit", [25, 100])
def test_continued_search_finds_every_match_once(
    acme: Workspace,
    client: FlaskClient,
    needles: list[str],
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
) -> None:
    hurry(monkeypatch, 0)
    url = f"/w/{acme.slug}/audit-logs?q=ms:%3E500&limit={limit}"
    seen = list(searched_pages(client, url))
    assert [event_id for page in seen for event_id in ids_on(page)] == needles
    assert [came_to(page) for page in seen] == [True] * (EVENTS // STEP) + [False]


def test_search_page_takes_as_many_steps_as_its_time_allows(
    acme: Workspace, client: FlaskClient, needles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch, 600)
    [page] = searched_pages(client, f"/w/{acme.slug}/audit-logs?q=ms:%3E500")
    assert ids_on(page) == needles
    assert not came_to(page)


@pytest.mark.usefixtures("needles")
def test_paging_back_finds_the_page_before(
    acme: Workspace, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch, 600)
    *_, before, last = searched_pages(client, f"/w/{acme.slug}/audit-logs?q=ms:%3C500&limit=25")
    link = re.search(r'href="([^"]+)"[^>]*>Newer events</a>', last.text)
    assert link is not None
    assert ids_on(client.get(link[1].replace("&amp;", "&"))) == ids_on(before)


@pytest.mark.usefixtures("needles")
def test_search_without_matches_says_how_far_it_got(
    acme: Workspace, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry(monkeypatch, 0)
    seen = list(searched_pages(client, f"/w/{acme.slug}/audit-logs?q=ms:%3E5000"))
    assert all("No events match" in page.text for page in seen)
    assert [came_to(page) for page in seen] == [True] * (EVENTS // STEP) + [False]
