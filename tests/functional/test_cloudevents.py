"""CloudEvents, in the three ways that HTTP carries them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.workspaces.models import Workspace
from tests.support.log_state import stored

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def cloud_event(**attributes: Any) -> dict[str, Any]:
    made = {
        "specversion": "1.0",
        "id": "ce-1",
        "source": "/billing",
        "type": "com.acme.invoice.paid",
        "time": "2026-11-16T10:00:00Z",
    }
    return {name: value for name, value in (made | attributes).items() if value is not None}


def post(client: FlaskClient, key: str, kind: str, body: object, **headers: str) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Content-Type": kind, "Authorization": f"Bearer {key}"} | named
    return client.post("/api/v1/events", data=data, headers=sent)


def test_a_structured_event_is_stored_with_its_attributes(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    event = cloud_event(
        subject="inv_42", data={"total": 100}, authid="u_7", traceparent="00-a-b-01"
    )
    assert post(client, key, ONE, event).status_code == 201
    [found] = stored(acme)
    assert (found.activity, found.status, found.actor_id) == (
        "com.acme.invoice.paid",
        "success",
        "u_7",
    )
    assert found.idempotency_key == "/billing#ce-1"
    assert found.targets == [{"type": "subject", "id": "inv_42"}]
    assert found.metadata["data"] == {"total": 100}
    assert found.metadata["cloudevent"]["traceparent"] == "00-a-b-01"


def test_data_shaped_as_an_event_gives_its_fields(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    data = {
        "actor": {"id": "u_7", "name": "Ann Lee"},
        "status": "error",
        "ip": "203.0.113.7",
        "metadata": {"plan": "pro"},
        "colour": "red",
    }
    assert post(client, key, ONE, cloud_event(data=data)).status_code == 201
    [found] = stored(acme)
    assert (found.actor_name, found.status, str(found.ip)) == ("Ann Lee", "error", "203.0.113.7")
    assert (found.metadata["plan"], found.metadata["colour"]) == ("pro", "red")


def test_without_an_actor_the_source_is_the_actor(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    post(client, key, ONE, cloud_event())
    assert stored(acme)[0].actor_id == "/billing"


def test_source_and_id_are_one_event_for_ever(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    long = cloud_event(source="https://acme.example/" + "x" * 300)
    for event in (cloud_event(), long):
        assert post(client, key, ONE, event).status_code == 201
        assert post(client, key, ONE, event).status_code == 200
    assert post(client, key, ONE, cloud_event(data={"total": 1})).status_code == 409


def test_of_a_batch_each_event_is_accepted_or_refused_by_itself(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    batch = [cloud_event(), cloud_event(id=None, source=7), 7, cloud_event(id="ce-2")]
    answer = post(client, key, BATCH, batch)
    assert answer.json is not None
    assert answer.json["accepted"] == 2
    [lacking, none] = answer.json["rejected"]
    assert [error["field"] for error in lacking["errors"]] == ["id", "source"]
    assert none["index"] == 2


@pytest.mark.parametrize(
    ("kind", "body", "data"),
    [
        ("application/json", b'{"total": 100}', {"total": 100}),
        ("application/vnd.acme+json", b"[1]", [1]),
        ("text/plain", "é".encode(), "é"),
    ],
)
def test_in_binary_mode_the_headers_are_the_attributes(
    client: FlaskClient, acme: Workspace, key: str, kind: str, body: bytes, data: object
) -> None:
    answer = post(
        client,
        key,
        kind,
        body,
        ce_specversion="1.0",
        ce_id="ce-1",
        ce_source="/billing",
        ce_type="com.acme.invoice.paid",
        ce_subject="caf%C3%A9",
    )
    assert answer.status_code == 201
    [found] = stored(acme)
    assert found.metadata["data"] == data
    assert found.targets == [{"type": "subject", "id": "café"}]
    assert found.metadata["cloudevent"]["datacontenttype"] == kind


@pytest.mark.parametrize("body", [b"{", b"7", b'"x"', b"[" * 100_000])
def test_malformed_cloudevent_is_refused(client: FlaskClient, key: str, body: bytes) -> None:
    assert post(client, key, ONE, body).status_code == 400


def test_data_too_large_for_metadata_is_cut_and_marked(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    assert post(client, key, ONE, cloud_event(data={"text": "x" * 50_000})).status_code == 201
    assert stored(acme)[0].metadata["cut"] == ["data"]
