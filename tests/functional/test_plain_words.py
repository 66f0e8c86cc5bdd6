"""The pages speak plainly, and explain the words that they cannot do without."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.events.search.terms import syntax
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_workspace,
    sign_in,
)
from tests.support.workers import ROOT

JARGON = re.compile(
    r"\bp50\b|\bp95\b|percentile|complete through|\b\d+ (?:w|d|h|min) per bar|assumed zone"
    r"|two-factor|, \d+ d\b|open the log with it|>syntax<",
    re.IGNORECASE,
)
EXPLAINED = re.compile(r"explain\(\s*\"[^\"]+\",\s*\"(\w+)\"")
TEMPLATES = ROOT / "templates"


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace("Acme Freight")
    append_events(made, [event_input(duration_ms=n * 100) for n in range(1, 9)])
    return made


@pytest.fixture
def admin(workspace: Workspace, client: FlaskClient) -> User:
    person = make_member(workspace)
    sign_in(client, person)
    return person


@pytest.mark.usefixtures("admin")
def test_log_and_its_parts_hold_no_jargon(client: FlaskClient, workspace: Workspace) -> None:
    base = f"/w/{workspace.slug}"
    parts = ("", "/count", "/latency", "/histogram", "/facets")
    addresses = [f"{base}/audit-logs{part}" for part in parts]
    addresses += [f"{base}/members", f"{base}/imports/new", f"{base}/schedules/new"]
    said = {
        address: JARGON.findall(client.get(address, headers={"HX-Request": "true"}).text)
        for address in addresses
    }
    assert {address: words for address, words in said.items() if words} == {}


@pytest.mark.usefixtures("admin")
def test_search_help_on_the_page_lists_every_term(
    client: FlaskClient, workspace: Workspace
) -> None:
    page = unescape(client.get(f"/w/{workspace.slug}/audit-logs").text)
    for term, words in syntax():
        assert term in page
        assert words in page


def test_every_word_that_is_explained_has_its_explanation(client: FlaskClient) -> None:
    used = {
        term for path in TEMPLATES.rglob("*.html") for term in EXPLAINED.findall(path.read_text())
    }
    meanings = (TEMPLATES / "components/explain.html").read_text()
    known = set(re.findall(r"^ +\"(\w+)\": \"[A-Z0-9]", meanings, re.MULTILINE))
    assert used
    assert used == known


@pytest.mark.usefixtures("admin")
def test_explained_word_names_what_explains_it(client: FlaskClient, workspace: Workspace) -> None:
    page = client.get(f"/w/{workspace.slug}/api-keys").text
    client.post(f"/w/{workspace.slug}/api-keys/new", data={})
    for named in re.findall(r"aria-describedby=\"(means-[\w-]+)\"", page):
        assert re.search(rf'role="tooltip" id="{named}">\s*What a key may do', page)


@pytest.mark.usefixtures("admin")
def test_related_events_are_told_with_their_dates(client: FlaskClient) -> None:
    elsewhere = make_workspace()
    sign_in(client, make_member(elsewhere))
    when = ("2026-03-02T10:00:00Z", "2026-03-04T10:00:00Z")
    newest = append_events(elsewhere, [event_input(occurred_at=at) for at in when]).ids[-1]
    answer = client.get(
        f"/w/{elsewhere.slug}/audit-logs/{newest}/related", headers={"HX-Request-Type": "partial"}
    )
    words = " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())
    assert "03/02/2026 10:00:00 UTC" in words
