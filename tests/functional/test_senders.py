"""Events in the shapes that log shippers and other services' clients send them."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.events.models import events, request_keys
from auditsaas.workspaces.models import Workspace
from tests.support.factories import event_input, make_api_key, make_workspace, scoped
from tests.support.log_state import stored

WHEN = "2026-11-16T10:00:00Z"


def post(
    client: FlaskClient, key: str, body: object, *, query: str = "", **headers: str
) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"} | named
    return client.post(f"/api/v1/events{query}", data=data, headers=sent)


def lines(*batch: dict[str, Any]) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in batch) + b"\n"


# Bodies


def test_an_array_is_a_batch(client: FlaskClient, acme: Workspace, key: str) -> None:
    answer = post(client, key, [event_input(path="/1"), event_input(path="/2")])
    assert answer.status_code == 201
    assert [event.path for event in stored(acme)] == ["/1", "/2"]


def test_of_an_array_each_event_is_accepted_or_refused_by_itself(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    answer = post(client, key, [event_input(), {"colour": "red"}, 7, event_input()])
    assert answer.json is not None
    assert answer.json["accepted"] == 2
    assert [refused["index"] for refused in answer.json["rejected"]] == [1, 2]


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-lines",
        "application/json",
        "application/json; charset=utf-8",
    ],
)
def test_lines_are_understood_whatever_they_are_called(
    client: FlaskClient, acme: Workspace, key: str, kind: str
) -> None:
    body = lines(event_input(path="/1"), event_input(path="/2"), event_input(path="/3"))
    assert post(client, key, body, Content_Type=kind).status_code == 201
    assert [event.path for event in stored(acme)] == ["/1", "/2", "/3"]


def test_broken_line_of_json_lines_is_refused_by_its_index(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    answer = post(client, key, lines(event_input()) + b"{broken\n" + lines(event_input()))
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["rejected"][0]["index"]) == (2, 1)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
    ],
    ids=["gzip", "deflate", "raw deflate"],
)
def test_packed_bodies_are_read(
    client: FlaskClient, acme: Workspace, key: str, encoding: str, packed: Any
) -> None:
    body = packed(json.dumps([event_input()]).encode())
    assert post(client, key, body, Content_Encoding=encoding).status_code == 201


def test_a_packing_that_is_not_read_is_named(client: FlaskClient, key: str) -> None:
    answer = post(client, key, b"x", Content_Encoding="zstd")
    assert answer.status_code == 415
    assert answer.json is not None
    assert "zstd is not read; send gzip or none" in answer.json["detail"]


def test_a_token_is_a_key_too(client: FlaskClient, acme: Workspace, key: str) -> None:
    assert post(client, key, event_input(), Authorization=f"Token token={key}").status_code == 201


# What is meant


AMENDED: list[tuple[dict[str, Any], str, Any, dict[str, Any] | None]] = [
    ({"status": "Success"}, "status", "success", None),
    ({"status": "ERROR"}, "status", "error", None),
    ({"actor": {"id": 42}}, "actor_id", "42", None),
    ({"request_id": 7}, "request_id", "7", None),
    ({"ip": "203.0.113.7:443"}, "ip", "203.0.113.7", {"client": "203.0.113.7:443"}),
    ({"ip": "[2001:db8::1]:443"}, "ip", "2001:db8::1", {"client": "[2001:db8::1]:443"}),
    ({"ip": "[2001:DB8::1]"}, "ip", "2001:db8::1", {"client": "[2001:DB8::1]"}),
    ({"ip": "fe80::1%eth0"}, "ip", "fe80::1", {"client": "fe80::1%eth0"}),
    ({"ip": "[fe80::1%25eth0]:80"}, "ip", "fe80::1", {"client": "[fe80::1%25eth0]:80"}),
    (
        {"ip": "203.0.113.7:443", "metadata": {"client": "app"}},
        "ip",
        "203.0.113.7",
        {"client": "app", "client_2": "203.0.113.7:443"},
    ),
]


@pytest.mark.parametrize("shape", ["one", "batch", "array", "lines"])
@pytest.mark.parametrize(("fields", "column", "value", "metadata"), AMENDED)
def test_unambiguous_values_are_normalised_and_stored(
    client: FlaskClient,
    acme: Workspace,
    key: str,
    shape: str,
    fields: dict[str, Any],
    column: str,
    value: Any,
    metadata: dict[str, Any] | None,
) -> None:
    event = event_input(**fields)
    bodies = {"one": event, "batch": {"events": [event]}, "array": [event], "lines": lines(event)}
    kind = "application/x-ndjson" if shape == "lines" else "application/json"
    answer = post(client, key, bodies[shape], Content_Type=kind)
    assert (answer.status_code, answer.text) == (201, answer.text)
    [found] = stored(acme)
    assert str(getattr(found, column)) == value
    assert found.metadata == metadata


def test_a_target_may_have_a_number_as_its_id(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    post(client, key, event_input(targets=[{"type": "invoice", "id": 42}]))
    assert stored(acme)[0].targets == [{"type": "invoice", "id": "42"}]


@pytest.mark.parametrize(
    "fields",
    [
        {"ip": "example.com"},
        {"ip": "010.0.0.1"},
        {"ip": "203.0.113.7:port"},
        {"ip": "[203.0.113.7"},
        {"status": "ok"},
        {"actor": {"id": True}},
        {"actor": {"id": 4.5}},
        {"colour": "red"},
    ],
    ids=str,
)
def test_ambiguous_values_are_refused(
    client: FlaskClient, key: str, fields: dict[str, Any]
) -> None:
    assert post(client, key, event_input(**fields)).status_code == 422


def test_unknown_fields_can_be_kept_in_metadata(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    event = event_input(
        actor={"id": "u", "type": "user"},
        targets=[{"type": "team", "id": "t", "metadata": {"size": 3}}],
        metadata={"host": "app"},
        host="h1",
        source_type="file",
        ip="upstream",
    )
    assert post(client, key, [event], query="?unknown=metadata").status_code == 201
    [found] = stored(acme)
    assert found.ip is None
    assert found.metadata == {
        "host": "app",
        "host_2": "h1",
        "source_type": "file",
        "client": "upstream",
        "actor": {"type": "user"},
        "targets[0]": {"metadata": {"size": 3}},
    }


def test_invalid_field_is_refused_when_unknown_fields_are_kept(
    client: FlaskClient, key: str
) -> None:
    answer = post(client, key, event_input(status="ok", host="h"), query="?unknown=metadata")
    assert answer.json is not None
    assert [error["field"] for error in answer.json["rejected"][0]["errors"]] == ["status"]


# All or nothing


def test_strict_refuses_a_batch_as_a_whole(client: FlaskClient, acme: Workspace, key: str) -> None:
    batch = [event_input(), event_input(status="ok"), event_input()]
    answer = post(client, key, batch, query="?strict=true")
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["ids"]) == (0, [None] * 3)
    assert [refused["index"] for refused in answer.json["rejected"]] == [1]
    assert stored(acme) == []


def test_strict_undoes_a_batch_for_one_conflict(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    first = event_input(idempotency_key="a", occurred_at=WHEN)
    post(client, key, first)
    batch = [first, first | {"path": "/other"}, event_input()]
    answer = post(client, key, batch, query="?strict=true")
    assert answer.status_code == 409
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["duplicates"]) == (0, 1)
    assert [found.activity for found in stored(acme)] == ["invoice.update", "event.conflict"]


def test_strict_stores_a_batch_that_is_good(client: FlaskClient, acme: Workspace, key: str) -> None:
    answer = post(client, key, [event_input(), event_input()], query="?strict=true")
    assert (answer.status_code, len(stored(acme))) == (201, 2)


@pytest.mark.parametrize("query", ["?strict=yes", "?unknown=keep", "?stirct=true"])
def test_a_parameter_that_is_not_understood_is_refused_by_name(
    client: FlaskClient, acme: Workspace, key: str, query: str
) -> None:
    answer = post(client, key, event_input(), query=query)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["field"] == query[1:].partition("=")[0]
    assert stored(acme) == []


# The request's own key


@pytest.mark.parametrize("moment", [{}, {"occurred_at": WHEN}], ids=["arrival", "given"])
def test_the_same_request_under_its_key_is_stored_once(
    client: FlaskClient, acme: Workspace, key: str, moment: dict[str, str]
) -> None:
    batch = [event_input(**moment), event_input(**moment)]
    first = post(client, key, batch, Idempotency_Key="req-1")
    again = post(client, key, batch, Idempotency_Key='"req-1"')
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json is not None
    assert again.json is not None
    assert (again.json["duplicates"], again.json["ids"]) == (2, first.json["ids"])
    assert [found.idempotency_key for found in stored(acme)] == ["req-1:0", "req-1:1"]


def test_other_content_under_a_requests_key_is_a_conflict(client: FlaskClient, key: str) -> None:
    post(client, key, event_input(), Idempotency_Key="req-1")
    answer = post(client, key, event_input(status="error"), Idempotency_Key="req-1")
    assert answer.status_code == 409


def test_an_events_own_key_goes_before_that_of_the_request(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    batch = [event_input(idempotency_key="own", occurred_at=WHEN), event_input()]
    post(client, key, batch, Idempotency_Key="req-1")
    assert [found.idempotency_key for found in stored(acme)] == ["own", "req-1:1"]


def test_a_requests_key_counts_in_its_own_workspace_only(client: FlaskClient, key: str) -> None:
    post(client, key, event_input(), Idempotency_Key="req-1")
    other = make_api_key(make_workspace())
    assert post(client, other, event_input(), Idempotency_Key="req-1").status_code == 201


@pytest.mark.parametrize("wrong", ["", "two words", "x" * 121, "é", '""'])
def test_a_requests_key_that_cannot_be_used_is_refused_by_name(
    client: FlaskClient, acme: Workspace, key: str, wrong: str
) -> None:
    answer = post(client, key, event_input(), Idempotency_Key=wrong)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"
    assert stored(acme) == []


def test_arrivals_are_forgotten_after_seven_days_as_others_come(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    for number in range(3):
        post(client, key, event_input(), Idempotency_Key=f"old-{number}")
    with scoped(acme.id) as session:
        session.execute(request_keys.update().values(arrived_at="2026-01-01T00:00:00Z"))
        session.commit()
    post(client, key, event_input(), Idempotency_Key="new-1")
    post(client, key, event_input(), Idempotency_Key="new-2")
    with scoped(acme.id) as session:
        left = session.scalars(select(request_keys.c.key)).all()
    assert {one.partition(" ")[2] for one in left} == {"new-1", "new-2"}


def test_key_taken_by_another_sender_does_not_date_the_events_of_one(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    post(client, make_api_key(acme), event_input(), Idempotency_Key="order-1")
    with scoped(acme.id) as session:
        session.execute(request_keys.update().values(arrived_at=long_ago))
        session.commit()
    post(client, key, event_input(activity="order.pay"), Idempotency_Key="order-1")
    with scoped(acme.id) as session:
        paid = select(events.c.occurred_at).where(events.c.activity == "order.pay")
        assert session.scalars(paid).one() > long_ago + timedelta(days=1)
