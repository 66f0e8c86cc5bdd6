"""One sender has one content under an id: anything else is a conflict, named and recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.events.models import events, log_heads
from auditsaas.imports.outcome import Outcome
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    scoped,
)
from tests.support.importing import counts, look, run

WHEN = "2026-11-16T10:00:00.123Z"


def keyed(key: str = "k", **fields: Any) -> dict[str, Any]:
    return event_input(idempotency_key=key, occurred_at=WHEN, **fields)


@pytest.fixture
def key(acme: Workspace) -> str:
    return make_api_key(acme)


def post(client: FlaskClient, key: str, *batch: dict[str, Any]) -> TestResponse:
    headers = {"Authorization": f"Bearer {key}"}
    return client.post("/api/v1/events", json={"events": batch}, headers=headers)


def recorded(acme: Workspace) -> list[dict[str, Any]]:
    """Read the conflicts that the log records."""
    with scoped(acme.id) as session:
        found = select(events.c.metadata).where(events.c.activity == "event.conflict")
        return list(session.scalars(found.order_by(events.c.seq)))


OTHER_CONTENT = [
    {"status": "error"},
    {"actor": {"id": "u_2"}},
    {"actor": {"id": "u_1", "name": "Ann Lee"}},
    {"ip": "203.0.113.8"},
    {"duration_ms": 85},
    {"metadata": {"plan": "pro"}},
    {"targets": [{"type": "invoice", "id": "42"}]},
    {"changes": {"total": [1, 2]}},
    {"request_id": "r-1"},
    {"user_agent": "curl/8.0"},
]


@pytest.mark.parametrize("difference", OTHER_CONTENT, ids=lambda d: next(iter(d)))
def test_a_key_with_other_content_is_a_conflict(
    client: FlaskClient, key: str, difference: dict[str, Any]
) -> None:
    first = post(client, key, keyed())
    answer = post(client, key, keyed(**difference))
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert first.json is not None
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["duplicates"]) == (0, 0)
    assert answer.json["conflicts"] == [{"index": 0, "id": first.json["ids"][0]}]
    assert answer.json["ids"] == [None]


SAME_CONTENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"metadata": {"a": 1, "b": [2]}}, {"metadata": {"b": [2.0], "a": 1.0}}),
    ({"metadata": {}}, {"targets": [], "changes": {}}),
    ({"ip": "2001:db8::1"}, {"ip": "2001:0DB8:0:0:0:0:0:1"}),
    ({"ip": "203.0.113.7"}, {"ip": "::ffff:203.0.113.7"}),
    ({"metadata": {"n": 1e22, "m": 2**60}}, {"metadata": {"n": 1e22, "m": float(2**60)}}),
    (
        {"targets": [{"type": "a", "id": "b", "name": None}]},
        {"targets": [{"id": "b", "type": "a"}]},
    ),
]


@pytest.mark.parametrize(("first", "again"), SAME_CONTENT)
def test_the_same_content_in_another_spelling_is_a_duplicate(
    client: FlaskClient, acme: Workspace, key: str, first: dict[str, Any], again: dict[str, Any]
) -> None:
    post(client, key, keyed(**first))
    answer = post(client, key, keyed(**again))
    assert answer.json is not None
    assert (answer.status_code, answer.json["duplicates"]) == (200, 1)
    assert recorded(acme) == []


def test_true_and_one_are_different_content(client: FlaskClient, key: str) -> None:
    post(client, key, keyed(metadata={"admin": 1}))
    assert post(client, key, keyed(metadata={"admin": True})).status_code == 409


def test_conflict_within_a_batch_stores_the_first_and_names_the_other(
    client: FlaskClient, key: str
) -> None:
    answer = post(client, key, keyed(path="/a"), keyed(path="/b"), keyed(path="/a"))
    assert answer.status_code == 201
    assert answer.json is not None
    first = answer.json["ids"][0]
    assert answer.json["ids"] == [first, None, first]
    assert (answer.json["accepted"], answer.json["duplicates"]) == (1, 1)
    assert answer.json["conflicts"] == [{"index": 1, "id": first}]


def test_stored_event_is_compared_before_the_first_of_the_batch(
    client: FlaskClient, key: str
) -> None:
    post(client, key, keyed(path="/b"))
    answer = post(client, key, keyed(path="/a"), keyed(path="/b"), keyed("other"))
    assert answer.json is not None
    assert (answer.json["accepted"], answer.json["duplicates"]) == (1, 1)
    assert [item["index"] for item in answer.json["conflicts"]] == [0]


def test_the_conflicts_of_a_batch_are_one_event_with_their_ids(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    first = post(client, key, keyed("a"), keyed("b"))
    post(client, key, keyed("a", path="/x"), keyed("b", path="/x"), keyed("c"))
    assert first.json is not None
    [told] = recorded(acme)
    assert (told["conflicts"], told["ids"]) == (2, first.json["ids"])
    assert [each["id"] for each in told["contents"]] == first.json["ids"]
    for each in told["contents"]:
        assert len({each["given"], each["standing"]}) == 2


def test_redacted_values_are_no_conflict(client: FlaskClient, acme: Workspace, key: str) -> None:
    secret: dict[str, Any] = {
        "metadata": {"password": "x", "plan": "pro"},
        "changes": {"password": [1, 2]},
    }
    post(client, key, keyed(**secret))
    redact(acme, ["password"])
    answer = post(client, key, keyed(**secret))
    assert (answer.status_code, recorded(acme)) == (200, [])
    assert post(client, key, keyed(metadata={"plan": "free"})).status_code == 409


def redact(acme: Workspace, keys: Sequence[str]) -> None:
    with scoped(acme.id) as session:
        session.execute(
            log_heads.update()
            .where(log_heads.c.workspace_id == acme.id)
            .values(redacted_keys=list(keys))
        )
        session.commit()


def trail(*contents: tuple[str, str]) -> bytes:
    """CloudTrail records of these ids and event names."""
    made = [
        {
            "eventVersion": "1.08",
            "eventTime": "2026-11-16T10:00:00Z",
            "eventSource": "iam.amazonaws.com",
            "eventName": name,
            "awsRegion": "eu-west-1",
            "userIdentity": {"type": "IAMUser", "userName": "ann"},
            "eventID": identity,
        }
        for identity, name in contents
    ]
    return b"\n".join(json.dumps(record).encode() for record in made)


def both(acme: Workspace, path: Path) -> Outcome:
    """The outcome of an import, which the dry run before it foresaw."""
    foreseen = look(acme, path)
    outcome = run(acme, path)
    assert foreseen == outcome
    return outcome


def test_lines_of_one_id_and_other_content_are_conflicts_by_their_numbers(
    acme: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "trail.jsonl"
    path.write_bytes(
        trail(("a", "PutUser"), ("a", "DeleteUser"), ("b", "PutUser"), ("a", "PutUser"))
    )
    outcome = both(acme, path)
    assert counts(outcome) == (2, 1, 0, 1)
    [line] = outcome.first_conflicts
    assert (line.place, line.reason) == ("line 2", "same id, other content")
    assert str(outcome).endswith("1 line in conflict (same id, other content)")


def test_a_conflict_across_batches_is_found_by_dry_run_and_run(
    acme: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "trail.jsonl"
    names = [(f"id{n}", "PutUser") for n in range(1500)]
    path.write_bytes(trail(*names, ("id3", "DeleteUser"), ("id4", "PutUser")))
    assert counts(both(acme, path)) == (1500, 1, 0, 1)


def test_a_later_file_that_contradicts_the_log_is_in_conflict(
    acme: Workspace, tmp_path: Path
) -> None:
    first, later = tmp_path / "first.jsonl", tmp_path / "later.jsonl"
    first.write_bytes(trail(("a", "PutUser"), ("b", "PutUser")))
    later.write_bytes(trail(("a", "PutUser"), ("b", "DeleteUser"), ("c", "PutUser")))
    run(acme, first)
    assert counts(both(acme, later)) == (1, 1, 0, 1)
    [told] = recorded(acme)
    assert told["conflicts"] == 1
    assert len(told["ids"]) == 1


def test_exported_file_with_fewer_columns_is_a_duplicate(acme: Workspace, tmp_path: Path) -> None:
    [identity] = append_events(acme, [keyed(metadata={"plan": "pro"})]).ids
    path = tmp_path / "ours.csv"
    head = "created_at,activity,status,user_id,path,event_id\r\n"
    path.write_text(head + f"{WHEN},invoice.update,success,u_1,/invoices/42,{identity}\r\n")
    assert counts(both(acme, path)) == (0, 1, 0, 0)
    path.write_text(head + f"{WHEN},invoice.update,error,u_1,/invoices/42,{identity}\r\n")
    assert counts(both(acme, path)) == (0, 0, 0, 1)
