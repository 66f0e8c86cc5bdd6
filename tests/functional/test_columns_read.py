"""A table reads the columns that it shows; documents that it does not show are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, event

from auditsaas.events.presenter import EventRow, TableRow
from auditsaas.events.reading.scans import source
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_member, make_workspace, sign_in

UNSHOWN = EventRow.__annotations__.keys() - TableRow.__annotations__.keys()
UNSHOWN_COLUMNS = re.compile(rf"\bevents\.({'|'.join(sorted(UNSHOWN))})\b")


@pytest.fixture(scope="module")
def acme(engine: Engine) -> Workspace:
    workspace = make_workspace("Acme")
    append_events(workspace, [event_input(metadata={"n": n}, method="PUT") for n in range(3)])
    return workspace


@contextmanager
def log_statements() -> Iterator[list[str]]:
    found: list[str] = []

    def note(_c: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM events" in statement:
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def unshown(statements: list[str]) -> set[str]:
    assert statements
    return {name for text in statements for name in UNSHOWN_COLUMNS.findall(text)}


@pytest.mark.parametrize(
    "path", ["/audit-logs", "/audit-logs?activity=a&activity=b", "/w/{}/audit-logs"]
)
def test_page_of_the_log_reads_only_columns_that_it_shows(
    client: FlaskClient, acme: Workspace, path: str
) -> None:
    sign_in(client, make_member(acme))
    with log_statements() as read:
        assert client.get(path.format(acme.slug)).status_code == 200
    assert unshown(read) == set()


def test_page_over_very_many_workspaces_reads_only_columns_that_it_shows(
    client: FlaskClient, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MANY", 0)
    sign_in(client, make_member(acme))
    with log_statements() as read:
        answer = client.get(f"/w/{acme.slug}/audit-logs?method=PUT")
    assert answer.text.count("data-event-id=") == 3
    assert unshown(read) == set()


def test_neighbours_of_an_event_are_read_as_places_alone(
    client: FlaskClient, acme: Workspace
) -> None:
    sign_in(client, make_member(acme))
    listed = client.get(f"/w/{acme.slug}/audit-logs").text
    middle = re.findall(r'data-event-id="([^"]+)"', listed)[1]
    with log_statements() as read:
        answer = client.get(f"/w/{acme.slug}/audit-logs/{middle}")
    assert "Older" in answer.text
    beside = [text for text in read if "ORDER BY events.id" in text]
    assert len(beside) == 2
    assert not [text for text in beside if "events.activity" in text or "actors" in text]


def test_whole_event_is_read_where_it_is_shown_whole(client: FlaskClient, acme: Workspace) -> None:
    """The control: what a table leaves out is noticed."""
    sign_in(client, make_member(acme))
    listed = client.get(f"/w/{acme.slug}/audit-logs").text
    [first, *_] = re.findall(r'data-event-id="([^"]+)"', listed)
    with log_statements() as read:
        client.get(f"/w/{acme.slug}/audit-logs/{first}")
    assert {"metadata", "changes", "path"} <= unshown(read)
