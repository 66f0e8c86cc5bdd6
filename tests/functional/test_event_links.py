"""Every value of an event leads to the events that have it, and to those that have not."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient

from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_member, make_workspace, sign_in

LINK = re.compile(r'href="(?P<url>[^"]+)" aria-label="(?P<does>Only show|Exclude) (?P<what>[^"]+)"')


@pytest.fixture
def acme(client: FlaskClient) -> Workspace:
    workspace = make_workspace("Acme Freight")
    sign_in(client, make_member(workspace))
    return workspace


@pytest.mark.parametrize(
    "values",
    [
        {
            "activity": "invoice.update",
            "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/156.0.0.0",
            "request_id": "req_7Q",
            "targets": [{"type": "invoice", "id": "inv_42", "name": "Invoice 42"}],
            "metadata": {"plan": "pro", "session": {"mfa": True, "age_s": 5211.5}},
        },
        {
            "activity": "Rechnung „storniert“, 2×",
            "actor": {"id": 'O"Hara \\ Söhne', "name": "O'Hara", "role": "Haupt Kasse"},
            "method": "BREW",
            "path": "/a b/?q=1&x=*,-y",
            "status_code": 418,
            "ip": "2001:db8::7",
            "duration_ms": 0.000061,
            "request_id": "-not:a term",
            "targets": [{"type": "t", "id": "a,b"}, {"type": "t", "id": "*"}],
            "metadata": {"no": "<b>", "yes": 'say "no"', "x.y": "z", "with space": 1, "e": ""},
        },
    ],
    ids=["plain", "odd"],
)
def test_include_link_finds_the_event_and_exclude_link_does_not(
    acme: Workspace, client: FlaskClient, values: dict[str, object]
) -> None:
    [event] = append_events(acme, [event_input(**values)]).ids
    base = f"/w/{acme.slug}/audit-logs"
    links = list(LINK.finditer(client.get(f"{base}/{event}").text))
    assert len(links) >= 16
    wrong = []
    for link in links:
        answer = client.get(unescape(link["url"]), follow_redirects=True)
        found = f'data-event-id="{event}"' in answer.text
        if answer.status_code != 200 or found != (link["does"] == "Only show"):
            wrong.append((link["does"], unescape(link["what"]), unescape(link["url"])))
    assert wrong == []
