from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from auditsaas.events.models import events
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import Workspace
from tests.support.factories import event_input, make_api_key, make_workspace, scoped

NOW = "2026-11-16T10:00:00Z"


def post(client: FlaskClient, key: str | None, body: object, **headers: str) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return client.post("/api/v1/events", data=data, headers=headers)


def stored(workspace: Workspace) -> int:
    with scoped(workspace.id) as session:
        return session.scalar(select(func.count()).select_from(events)) or 0


def test_a_single_event_is_stored_and_its_id_returned(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    answer = post(client, key, event_input())
    assert answer.status_code == 201
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["duplicates"]) == (1, 0)
    with scoped(acme.id) as session:
        assert [str(i) for i in session.scalars(select(events.c.id))] == answer.json["ids"]


def test_valid_events_of_a_batch_are_stored_beside_refused_ones(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    bad = event_input(status="broken", colour="red")
    answer = post(client, key, {"events": [event_input(), bad, event_input()]})
    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["accepted"] == 2
    assert [i is None for i in answer.json["ids"]] == [False, True, False]
    [refused] = answer.json["rejected"]
    assert refused["index"] == 1
    assert {error["field"] for error in refused["errors"]} == {"status", "colour"}
    assert stored(acme) == 2


def test_retried_batch_returns_the_ids_of_the_first(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    batch = {"events": [event_input(idempotency_key=f"k{n}", occurred_at=NOW) for n in range(3)]}
    first, again = post(client, key, batch), post(client, key, batch)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json is not None
    assert again.json is not None
    assert again.json["duplicates"] == 3
    assert again.json["ids"] == first.json["ids"]
    assert stored(acme) == 3


def test_ndjson_and_gzip_are_read(client: FlaskClient, acme: Workspace, key: str) -> None:
    lines = b"\n".join(json.dumps(event_input()).encode() for _ in range(2)) + b"\nnot json\n"
    answer = post(
        client,
        key,
        gzip.compress(lines),
        Content_Type="application/x-ndjson",
        Content_Encoding="gzip",
    )
    assert answer.status_code == 201
    assert answer.json is not None
    assert [refused["index"] for refused in answer.json["rejected"]] == [2]
    assert stored(acme) == 2


def nested(depth: int) -> bytes:
    return b'{"metadata":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


BAD_EVENTS: list[tuple[str, Any, str]] = [
    ("missing status", {"activity": "a", "actor": {"id": "u"}}, "status"),
    ("missing actor id", event_input(actor={}), "actor.id"),
    ("unknown field", event_input(colour="red"), "colour"),
    ("unknown field of the actor", event_input(actor={"id": "u", "x": 1}), "actor.x"),
    ("wrong type", event_input(status_code="200"), "status_code"),
    ("over-long activity", event_input(activity="a" * 129), "activity"),
    ("unprintable activity", event_input(activity="a\nb"), "activity"),
    ("over-long path", event_input(path="/" * 4097), "path"),
    ("NUL", event_input(path="/\x00"), "path"),
    ("NUL in metadata", event_input(metadata={"a": ["\x00"]}), "metadata"),
    ("lone surrogate", event_input(path="\ud800"), "path"),
    ("lone surrogate in metadata", event_input(metadata={"a": "\udfff"}), "metadata"),
    ("year 0", event_input(occurred_at="0000-01-01T00:00:00Z"), "occurred_at"),
    ("year 294277", event_input(occurred_at="294277-01-01T00:00:00Z"), "occurred_at"),
    ("before 1970", event_input(occurred_at="1969-12-31T23:59:59Z"), "occurred_at"),
    ("the future", event_input(occurred_at="2999-01-01T00:00:00Z"), "occurred_at"),
    ("no zone", event_input(occurred_at="2026-11-16T10:00:00"), "occurred_at"),
    ("a key without a time", event_input(idempotency_key="k"), "idempotency_key"),
    ("not an address", event_input(ip="300.1.1.1"), "ip"),
    ("negative duration", event_input(duration_ms=-1), "duration_ms"),
    ("status code 99", event_input(status_code=99), "status_code"),
    ("21 targets", event_input(targets=[{"type": "t", "id": "i"}] * 21), "targets"),
    ("a change of three", event_input(changes={"role": [1, 2, 3]}), "changes[...]"),
    ("metadata of 40 KB", event_input(metadata={"a": "x" * 40_000}), "metadata"),
    ("metadata 11 deep", json.loads(nested(11)) | event_input(), "metadata"),
]


@pytest.mark.parametrize(
    ("event", "field"), [c[1:] for c in BAD_EVENTS], ids=[c[0] for c in BAD_EVENTS]
)
def test_invalid_event_is_refused_by_field_and_not_stored(
    client: FlaskClient, acme: Workspace, key: str, event: dict[str, Any], field: str
) -> None:
    answer = post(client, key, event)
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert [error["field"] for error in answer.json["rejected"][0]["errors"]] == [field]
    assert stored(acme) == 0


BAD_BODIES: list[tuple[str, bytes, dict[str, str], int]] = [
    ("not JSON", b"{", {}, 400),
    ("a list", b"[]", {}, 400),
    ("a number", b"1", {}, 400),
    ("empty", b"", {}, 400),
    ("bad UTF-8", b'{"activity":"\xff"}', {}, 400),
    ("NaN", b'{"duration_ms":NaN}', {}, 400),
    ("1e400", b'{"duration_ms":1e400}', {}, 422),
    ("5,000 digits", b'{"status_code":' + b"9" * 5000 + b"}", {}, 422),
    ("depth 100,000", nested(100_000), {}, 400),
    ("6 MB", b" " * 6_000_000, {}, 413),
    ("1,001 events", json.dumps({"events": [{}] * 1001}).encode(), {}, 413),
    ("no events", b'{"events":[]}', {}, 422),
    ("events is text", b'{"events":"x"}', {}, 400),
    ("XML", b"<a/>", {"Content_Type": "text/xml"}, 415),
    ("brotli", b"x", {"Content_Encoding": "br"}, 415),
    ("not gzip", b"x", {"Content_Encoding": "gzip"}, 400),
    ("cut gzip", gzip.compress(b'{"a":1}')[:-4], {"Content_Encoding": "gzip"}, 400),
    ("gzip bomb", gzip.compress(b" " * 200_000_000), {"Content_Encoding": "gzip"}, 413),
]


@pytest.mark.parametrize(
    ("body", "headers", "status"), [c[1:] for c in BAD_BODIES], ids=[c[0] for c in BAD_BODIES]
)
def test_invalid_body_gets_the_documented_error_and_stores_nothing(
    client: FlaskClient,
    acme: Workspace,
    key: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    answer = post(client, key, body, **headers)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert stored(acme) == 0


def test_missing_or_wrong_key_is_refused_before_the_body_is_read(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    for wrong in (None, "", "aud_nonsense", key[:-1] + ("a" if key[-1] != "a" else "b")):
        answer = post(client, wrong, event_input())
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert stored(acme) == 0


def test_a_key_without_the_scope_is_refused(client: FlaskClient, acme: Workspace) -> None:
    reader = make_api_key(acme, {ApiScope.EVENTS_READ})
    assert post(client, reader, event_input()).status_code == 403


def test_key_writes_only_into_its_own_workspace(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    other = make_workspace()
    post(client, key, event_input())
    assert (stored(acme), stored(other)) == (1, 0)
