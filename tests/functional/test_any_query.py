"""Any query string of the log is answered by a page or an error message, never a 500."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_user,
    make_workspace,
    sign_in,
)
from tests.unit.events.test_grammar import queries as searches

CASES = 100
PARTS = ("", "", "", "count", "facets", "histogram", "latency", "tail", "users", "suggest")
VALUES = {
    "status": ["success", "ERROR", "broken"],
    "activity": ["invoice.update", "invoice.*", "*", "a*b", "."],
    "method": ["GET", "post", "BREW"],
    "user": ["u_1", "ann@example.com", "*"],
    "role": ["admin", "", " "],
    "user_status": ["active", "disabled", "away"],
    "ip": ["203.0.113.7", "203.0.113.0/24", "::/0", "10.0.0.0/40", "300.1.1.1", "::ffff:1.2.3.4"],
    "platform": ["linux", "Windows", "BeOS"],
    "min_ms": ["0", "1e3", "1e999", "-1", "NaN", "0x10", "1_000", "٣"],
    "max_ms": ["86400000", "0.0000001", "inf"],
    "range": ["today", "yesterday", "last_week", "last_quarter", "custom", "next_week"],
    "from": ["2026-11-01", "11/01/2026", "yesterday", "0001-01-01", "9999-12-31", "2026-02-30"],
    "to": ["2026-11-30T10:00:00Z", "2026-11-30 10:00", "1969-12-31", "24:00"],
    "workspace": ["acme", "nowhere"],
    "limit": ["25", "x", "-1", "1e9"],
    "before": ["01a1f549-bb42-7f36-aedc-cf4a4599a084", "zzz", "{}"],
    "after": ["01a1f549-bb42-7f36-aedc-cf4a4599a084", "00000000000000000000000000000000"],
    "at": ["2", "-2", "9" * 30],
    "view": ["all", "01a1f549-bb42-7f36-aedc-cf4a4599a084", "x"],
    "term": ["ann", "%", "_"],
    "x": ["y"],
}  # fmt: skip
names = st.sampled_from(sorted(VALUES))
pairs = st.one_of(
    names.flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(VALUES[name]))),
    st.tuples(names, st.text(max_size=40)),
    st.tuples(st.just("q"), searches),
)


@pytest.fixture
def acme(client: FlaskClient) -> Workspace:
    workspace = make_workspace("Acme Freight")
    sign_in(client, make_member(workspace))
    append_events(workspace, [event_input()])
    return workspace


def test_any_query_string_gets_a_page_or_an_error_message(
    acme: Workspace, client: FlaskClient
) -> None:
    @given(query=st.lists(pairs, max_size=5), part=st.sampled_from(PARTS), partial=st.booleans())
    @settings(max_examples=cases(CASES), suppress_health_check=list(HealthCheck))
    def never_fails(query: list[tuple[str, str]], part: str, partial: bool) -> None:
        encoded = urlencode(query, errors="surrogatepass")
        headers = {"HX-Request": "true", "HX-Request-Type": "partial"} if partial else {}
        place = f"/w/{acme.slug}/audit-logs" + (f"/{part}" if part else "")
        answer = client.get(f"{place}?{encoded}", headers=headers, follow_redirects=True)
        assert answer.status_code in (200, 204, 422), encoded
        if answer.status_code == 422 and part == "":
            assert messages(answer.text), encoded

    never_fails()


def test_unknown_search_key_is_named_once_with_a_suggestion(
    acme: Workspace, client: FlaskClient
) -> None:
    text = client.get(f"/w/{acme.slug}/audit-logs?q=user:ann+stauts:error").text
    assert messages(text) == ["Unknown key 'stauts'. Did you mean"]
    assert re.search(r'q=user%3Aann\+status%3Aerror">status:error</a>\?', text)


def messages(text: str) -> list[str]:
    """The sentences of a page about what it cannot understand."""
    found = re.findall(r'class="err-text.*?</svg>(?:<span>)?([^<]+)', text)
    return [unescape(message).strip() for message in found]


@pytest.mark.parametrize(
    ("zone", "args", "sentence"),
    [
        ("UTC", {"from": "11/10/2026", "to": "11/01/2026"}, "must be after From"),
        ("America/New_York", {"from": "03/08/2026 02:30"}, "clock"),
        ("Pacific/Apia", {"from": "12/30/2011"}, "12/30/2011"),
        ("UTC", {"user": [f"u_{n}" for n in range(500)]}, "at most 100 values; 500 given"),
        ("UTC", {"from": "yesterday", "limit": "x", "before": "zzz"}, "yesterday"),
        ("UTC", {"min_ms": "500", "max_ms": "100"}, "below the shortest"),
    ],
)
def test_invalid_filter_gets_a_sentence_and_no_rows(
    client: FlaskClient, zone: str, args: dict[str, Any], sentence: str
) -> None:
    workspace = make_workspace()
    person = make_member(workspace, user=make_user(time_zone=zone))
    sign_in(client, person)
    append_events(workspace, [event_input()])
    for headers in ({}, {"HX-Request": "true", "HX-Request-Type": "partial"}):
        answer = client.get(
            f"/w/{workspace.slug}/audit-logs?{urlencode(args, doseq=True)}", headers=headers
        )
        assert answer.status_code == 422
        assert "data-event-id" not in answer.text
        assert any(sentence in message for message in messages(answer.text)), messages(answer.text)


@pytest.mark.parametrize("part", ["", "/count", "/facets", "/histogram"])
def test_range_may_begin_in_the_last_representable_hour(
    acme: Workspace, client: FlaskClient, part: str
) -> None:
    answer = client.get(f"/w/{acme.slug}/audit-logs{part}?from=9999-12-31T23:30:00Z")
    assert answer.status_code == 200
