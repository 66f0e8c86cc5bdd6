"""The API while the database does not answer."""

from __future__ import annotations

import dataclasses

import pytest
from google.rpc.code_pb2 import UNAVAILABLE
from google.rpc.status_pb2 import Status
from sqlalchemy import Engine, make_url

from auditsaas.app import create_app
from config.settings import Settings
from tests.support.factories import event_input, make_api_key, make_workspace
from tests.support.serving import free_port


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_api_without_its_database_answers_503_with_retry_after(
    settings: Settings, engine: Engine, method: str
) -> None:
    key = make_api_key(make_workspace())
    nowhere = make_url("postgresql+psycopg://app@127.0.0.1/none").set(port=free_port())
    app = create_app(dataclasses.replace(settings, database_url=str(nowhere)))
    answer = app.test_client().open(
        "/api/v1/events",
        method=method,
        json=event_input() if method == "POST" else None,
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 503
    assert answer.mimetype == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json is not None
    assert answer.json["type"] == "/api/docs#unavailable"


def test_opentelemetry_without_the_database_gets_a_status_to_retry(
    settings: Settings, engine: Engine
) -> None:
    key = make_api_key(make_workspace())
    nowhere = make_url("postgresql+psycopg://app@127.0.0.1/none").set(port=free_port())
    app = create_app(dataclasses.replace(settings, database_url=str(nowhere)))
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-protobuf"}
    answer = app.test_client().post("/v1/logs", data=b"", headers=headers)
    assert (answer.status_code, answer.mimetype) == (503, "application/x-protobuf")
    assert answer.headers["Retry-After"] == "2"
    assert Status.FromString(answer.data).code == UNAVAILABLE
