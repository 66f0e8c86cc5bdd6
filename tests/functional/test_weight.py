"""The size of the log page on the wire."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.support.factories import append_events, event_input, make_member, make_workspace, sign_in
from tests.support.htmx import PARTIAL

ACCEPT = {"Accept-Encoding": "br, gzip"}


def test_the_first_visit_weighs_at_most_150_kb_and_a_filter_change_30(client: FlaskClient) -> None:
    workspace = make_workspace()
    append_events(workspace, [event_input(path=f"/{n}", duration_ms=n) for n in range(100)])
    sign_in(client, make_member(workspace))
    base = f"/w/{workspace.slug}/audit-logs"
    page = client.get(base)
    linked = set(re.findall(r' (?:href|src)="(/static/[^"#]+)', page.text))
    parts = [f"{base}/{part}" for part in ("count", "facets", "histogram", "latency")]
    weigh = {url: len(client.get(url, headers=ACCEPT).data) for url in [base, *linked, *parts]}
    assert any(".woff2" in url for url in linked)
    assert sum(weigh.values()) <= 150_000, weigh
    change = [
        client.get(url, headers=ACCEPT | PARTIAL) for url in [f"{base}?status=success", *parts]
    ]
    assert sum(len(answer.data) for answer in change) <= 30_000
