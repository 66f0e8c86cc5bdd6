"""A process remembers keys for seconds; none lets in what the key, as it is, does not."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, update
from werkzeug.test import TestResponse

from auditsaas.events.models import log_heads
from auditsaas.extensions import db
from auditsaas.workspaces import remembered_keys
from auditsaas.workspaces.models import ApiKey, Workspace
from tests.support.factories import as_owner, event_input, make_api_key, scoped
from tests.support.serving import WebProcess

TIMES = 50
AT_ONCE = 4
"""Callers whose next requests meet whichever process takes them."""
NOW = datetime.now(UTC)

CHANGES: dict[str, tuple[type[Any], dict[str, Any], int]] = {
    "revoked": (ApiKey, {"revoked_at": NOW}, 401),
    "expired": (ApiKey, {"expires_at": NOW - timedelta(seconds=1)}, 401),
    "without the scope": (ApiKey, {"scopes": ["events:read"]}, 403),
    "bound to networks": (ApiKey, {"allowed_networks": ["203.0.113.0/24"]}, 403),
    "another's secret": (ApiKey, {"secret_hash": bytes(32)}, 401),
    "suspended": (Workspace, {"suspended_at": NOW}, 403),
}


def post(client: FlaskClient, key: str, body: object = None) -> TestResponse:
    headers = {"Authorization": f"Bearer {key}"}
    return client.post(
        "/api/v1/events", json=event_input() if body is None else body, headers=headers
    )


def change(workspace: Workspace, model: type[Any], values: dict[str, Any]) -> None:
    mine = Workspace.id if model is Workspace else ApiKey.workspace_id
    with as_owner(workspace.id) as session:
        session.execute(update(model).where(mine == workspace.id).values(values))
        session.commit()


def stored(workspace: Workspace) -> int:
    with scoped(workspace.id) as session:
        return int(session.scalar(select(log_heads.c.seq)) or 0)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """What the application says to the database meanwhile."""
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        told.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield told
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("body", [None, [], {"activity": 7}], ids=["event", "none", "refused"])
def test_change_of_a_remembered_key_holds_for_the_next_request(
    client: FlaskClient, acme: Workspace, key: str, name: str, body: object
) -> None:
    model, values, status = CHANGES[name]
    assert post(client, key).status_code == 201
    before = stored(acme)
    change(acme, model, values)
    assert post(client, key, body).status_code == status
    assert stored(acme) == before


def test_larger_quota_holds_for_the_next_request(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    change(acme, Workspace, {"quotas": {"events": 2}})
    assert [post(client, key).status_code for _ in range(2)] == [201, 429]
    assert post(client, key).status_code == 429
    change(acme, Workspace, {"quotas": {"events": 20}})
    assert post(client, key).status_code == 201
    change(acme, Workspace, {"quotas": {"events": 4}})
    assert post(client, key).status_code == 429


def test_refused_key_uses_nothing_up(client: FlaskClient, acme: Workspace, key: str) -> None:
    change(acme, Workspace, {"quotas": {"events": 6}})
    other = make_api_key(acme)
    assert [post(client, each).status_code for each in (key, other)] == [201, 201]
    with scoped(acme.id) as session:
        session.execute(update(ApiKey).where(ApiKey.public_id == key[4:16]).values(revoked_at=NOW))
        session.commit()
    assert post(client, key, {"events": [event_input() for _ in range(2)]}).status_code == 401
    assert post(client, other, {"events": [event_input() for _ in range(2)]}).status_code == 201


def test_event_of_a_remembered_key_is_one_statement(
    app: Flask, client: FlaskClient, key: str
) -> None:
    with statements(app) as told:
        post(client, key)
    assert len(told) > 2
    with statements(app) as told:
        answer = post(client, key)
    assert answer.status_code == 201
    assert [statement.split("(")[0].split()[-1][:7] for statement in told] == ["append_"]


def test_event_that_is_there_is_told_apart_by_a_remembered_key(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    sent = event_input(idempotency_key="once", occurred_at=NOW.isoformat())
    answers = [post(client, key, each) for each in (event_input(), sent, sent)]
    assert [answer.status_code for answer in answers] == [201, 201, 200]
    other = post(client, key, sent | {"activity": "invoice.delete"})
    assert (other.status_code, stored(acme)) == (409, 3)


def test_read_asks_for_a_remembered_key(app: Flask, client: FlaskClient, key: str) -> None:
    """The control: what is checked by no append is not let in by what is remembered."""
    post(client, key)
    with statements(app) as told:
        client.get("/api/v1/events", headers={"Authorization": f"Bearer {key}"})
    assert any("secret_hash" in statement for statement in told)


def test_number_of_remembered_keys_is_bounded(
    client: FlaskClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_keys, "MOST", 1)
    for _ in range(3):
        assert post(client, key).status_code == 201
    assert len(remembered_keys._known) <= 1


def send(connection: http.client.HTTPConnection, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/events", json.dumps(event_input()), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_revoked_key_is_refused_by_every_process_fifty_times_of_fifty(
    web: WebProcess, acme: Workspace
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        connections = [http.client.HTTPConnection(*web.address) for _ in range(AT_ONCE)]

        def all_send(key: str) -> list[int]:
            return list(pool.map(send, connections, [key] * AT_ONCE))

        answers = [revoked(acme, all_send) for _ in range(TIMES)]
        for connection in connections:
            connection.close()
    assert answers == [([201] * AT_ONCE, [401] * AT_ONCE)] * TIMES


def revoked(workspace: Workspace, all_send: Callable[[str], list[int]]) -> tuple[Any, Any]:
    """What each caller is answered before and right after a key of theirs is revoked."""
    key = make_api_key(workspace)
    before = all_send(key)
    with scoped(workspace.id) as session:
        session.execute(update(ApiKey).where(ApiKey.public_id == key[4:16]).values(revoked_at=NOW))
        session.commit()
    return before, all_send(key)
