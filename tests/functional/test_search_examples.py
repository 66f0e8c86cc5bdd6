"""Every search that the help, the placeholders, the hints and the documentation show finds events.

The examples are collected from what people read, so a new one is tried as well.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl

import pytest
from flask.testing import FlaskClient

from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.filter.event_filter import FILTERS
from auditsaas.events.search.parser import parse
from auditsaas.events.search.terms import KEYS, QueryError, syntax
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, make_api_key, make_workspace
from tests.support.workers import ROOT

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TERM = re.compile(rf"(?:^|\s)-?(?:{'|'.join(KEYS)}|meta\.[\w.]+):\S")
SPAN = re.compile(r"`([^`\n]+)`")
TYPED = re.compile(r"'q=([^'\n]+)'")
ADDRESS = re.compile(r"(?:events|audit-logs)\?([\w.*&=%+:-]+)|\"query\": \"([^\"]+)\"")
PLACEHOLDER = re.compile(r"placeholder=\"([^\"{}]+)\"")

READ = {*FILTERS, "q", "range", "from", "to", "limit"}
NO_SEARCH = {"user:password@"}
"""What looks like a term and is part of an address."""

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"
    " Safari/537.36"
)
FAILED: dict[str, Any] = {
    "activity": "user.update",
    "status": "error",
    "actor": {"id": "u_1", "name": "ANN LEE", "role": "admin", "status": "disabled"},
    "method": "POST",
    "path": "/invoices/42",
    "status_code": 404,
    "ip": "10.0.0.7",
    "user_agent": FIREFOX,
    "duration_ms": 900,
    "request_id": "req_7Q",
    "targets": [{"type": "invoice", "id": "inv_42"}],
    "changes": {"plan": ["free", "pro"]},
    "metadata": {"plan": "Pro", "note": "The exact words"},
}
EVENTS = [
    FAILED,
    FAILED | {"activity": "user.login", "ip": "203.0.113.7", "user_agent": CHROME},
]


def searches() -> dict[str, list[str]]:
    """Collect the searches that are shown, by where they are shown."""
    found: dict[str, list[str]] = {"hints": hinted()}
    templates = ROOT / "templates"
    for page in sorted(templates.rglob("*.html")):
        typed = [unescape(text) for text in PLACEHOLDER.findall(page.read_text())]
        shown = [re.split(r"(?:filter|log): ", text)[-1] for text in typed]
        found[str(page.relative_to(templates))] = shown
    for page in DOCS:
        text = page.read_text()
        found[page.name] = [*SPAN.findall(text), *TYPED.findall(text)]
    read = {
        place: [query for typed in those if (query := as_query(typed))]
        for place, those in found.items()
    }
    return read | {"help": [term for term, _ in syntax()]}


def hinted() -> list[str]:
    """The values that hints name, as terms."""
    return [
        f"{key.name}:{value}"
        for key in KEYS.values()
        if key.hint.startswith("such as ")
        for value in key.hint.removeprefix("such as ").split(" or ")
    ]


def as_query(typed: str) -> str:
    """The search that a text is, without what is left out by an ellipsis; '' if it is none."""
    whole = " ".join(word for word in typed.split(" ") if "…" not in word)
    if whole in NO_SEARCH or not TERM.search(whole):
        return ""
    try:
        parse(whole)
    except QueryError:
        return ""
    return whole


def addresses() -> dict[str, list[list[tuple[str, str]]]]:
    """The parameters of addresses of events that the documentation shows."""
    found = {
        page.name: [parse_qsl(a or b) for a, b in ADDRESS.findall(page.read_text())]
        for page in DOCS
    }
    return {
        place: [args for args in those if {name for name, _ in args} <= READ]
        for place, those in found.items()
    }


SEARCHES = [(place, query) for place, those in searches().items() for query in those]
ADDRESSES = [(place, args) for place, those in addresses().items() for args in those]


@pytest.fixture(scope="module")
def examples() -> Workspace:
    workspace = make_workspace("Acme")
    append_events(workspace, EVENTS)
    append_events(workspace, [FAILED, FAILED | {"activity": "log.read"}], PRODUCT)
    return workspace


@pytest.fixture(scope="module")
def reading_key(examples: Workspace) -> str:
    return make_api_key(examples)


def ids(client: FlaskClient, key: str, args: list[tuple[str, str]]) -> list[str]:
    """Ids of the events that the API answers, as many as a page holds."""
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.get("/api/v1/events", query_string=args, headers=headers)
    assert answer.status_code == 200, answer.text
    return [event["id"] for event in answer.get_json()["data"]]


@pytest.mark.parametrize(("place", "query"), SEARCHES)
def test_a_search_that_is_shown_finds_events(
    client: FlaskClient, examples: Workspace, reading_key: str, place: str, query: str
) -> None:
    query = query.replace("workspace:acme", f"workspace:{examples.slug}")
    assert ids(client, reading_key, [("q", query)])


@pytest.mark.parametrize(("place", "args"), ADDRESSES)
def test_an_address_that_is_shown_finds_events(
    client: FlaskClient, reading_key: str, place: str, args: list[tuple[str, str]]
) -> None:
    assert ids(client, reading_key, args)


def test_examples_are_collected_from_all_that_people_read() -> None:
    places = {place for place, _ in SEARCHES}
    pages = {"audit_logs/page.html", "filter_field/_inner.html"}
    assert places >= {"help", "hints", "contract.md", "api.md"} | pages
    assert any(("status", "error") in args for _, args in ADDRESSES)
