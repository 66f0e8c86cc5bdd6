"""Log records of OpenTelemetry: its own exporter over real HTTP, and every rule of the protocol."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
import requests
from google.rpc.status_pb2 import Status
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from auditsaas.workspaces.models import Workspace
from tests.support.log_state import stored
from tests.support.serving import WebProcess

NANOSECONDS = 1_763_287_200_123_456_789  # 2025-11-16T10:00:00.123456789Z
PROTOBUF = "application/x-protobuf"


def exported(address: str, key: str, compression: Compression, *records: LogRecord) -> None:
    """Send records by the exporter of OpenTelemetry itself."""
    exporter = OTLPLogExporter(
        endpoint=address, headers={"Authorization": f"Bearer {key}"}, compression=compression
    )
    provider = LoggerProvider(resource=Resource({"service.name": "billing"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    for record in records:
        provider.get_logger("audit", "1.2").emit(record)
    provider.shutdown()


def record(**fields: Any) -> LogRecord:
    made: dict[str, Any] = {"timestamp": NANOSECONDS, "severity_number": SeverityNumber.INFO}
    return LogRecord(**made | fields)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
@pytest.mark.parametrize("path", ["/v1/logs", "/api/v1/logs"])
def test_the_exporter_of_opentelemetry_is_understood(
    web: WebProcess, acme: Workspace, key: str, path: str, compression: Compression
) -> None:
    told = record(
        event_name="invoice.update",
        body="the invoice was changed",
        attributes={
            "enduser.id": "u_42",
            "user.name": "Ann Lee",
            "user.email": "ann@example.com",
            "client.address": "203.0.113.7",
            "http.request.method": "PATCH",
            "url.path": "/invoices/42",
            "http.response.status_code": 403,
            "target.type": "invoice",
            "target.id": "42",
            "plan": "pro",
        },
    )
    exported(web.url + path, key, compression, told)
    [found] = stored(acme)
    assert (found.activity, found.status, found.status_code) == ("invoice.update", "error", 403)
    assert (found.actor_id, found.actor_name, found.actor_email) == (
        "u_42",
        "Ann Lee",
        "ann@example.com",
    )
    assert (str(found.ip), found.method, found.path) == ("203.0.113.7", "PATCH", "/invoices/42")
    assert found.occurred_at.isoformat() == "2025-11-16T10:00:00.123456+00:00"
    assert found.targets == [{"type": "invoice", "id": "42"}]
    assert found.metadata["plan"] == "pro"
    assert found.metadata["body"] == "the invoice was changed"
    assert found.metadata["resource"]["service.name"] == "billing"
    assert (found.metadata["scope"], found.metadata["scope_version"]) == ("audit", "1.2")


def test_a_record_is_sent_twice_and_stored_once_by_its_uid(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    told = record(event_name="invoice.update", attributes={"log.record.uid": "x-1"})
    exported(f"{web.url}/v1/logs", key, Compression.NoCompression, told, told)
    assert [found.idempotency_key for found in stored(acme)] == ["x-1"]


# In JSON


def attribute(name: str, **value: Any) -> dict[str, Any]:
    return {"key": name, "value": value}


def request_of(*records: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [attribute("service.name", stringValue="billing")]}
    scopes = [{"scope": {"name": "audit"}, "logRecords": list(records)}]
    return {"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}


def post(
    web: WebProcess, key: str, body: object, kind: str = "application/json", **headers: str
) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {key}", "Content-Type": kind} | headers
    return requests.post(f"{web.url}/v1/logs", data=data, headers=sent, timeout=30)


def test_json_is_read_with_its_hexadecimal_ids_and_numbers_as_text(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    told = {
        "timeUnixNano": str(NANOSECONDS),
        "severityNumber": 17,
        "severityText": "ERROR",
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "body": {"stringValue": "invoice.update"},
        "attributes": [
            attribute("user.id", stringValue="u_1"),
            attribute("n", intValue="9007199254740993"),
            attribute("tags", arrayValue={"values": [{"boolValue": True}, {"doubleValue": 1.5}]}),
            attribute("inner", kvlistValue={"values": [attribute("a", stringValue="b")]}),
        ],
        "fieldOfTomorrow": 1,
    }
    answer = post(web, key, gzip.compress(json.dumps(request_of(told)).encode()), **GZIP)
    assert (answer.status_code, answer.json()) == (200, {})
    [found] = stored(acme)
    assert (found.activity, found.status) == ("invoice.update", "error")
    assert found.request_id == "5b8efff798038103d269b633813fc60c"
    assert found.metadata["span_id"] == "eee19b7ec3c1b174"
    assert found.metadata["n"] == 9007199254740993
    assert (found.metadata["tags"], found.metadata["inner"]) == ([True, 1.5], {"a": "b"})
    assert "body" not in found.metadata


GZIP = {"Content-Encoding": "gzip"}

FIELDS: list[tuple[dict[str, Any], str, object]] = [
    ({}, "activity", "log.record"),
    ({"body": {"stringValue": "Ann signed in"}}, "activity", "log.record"),
    ({"body": {"stringValue": "user.login"}}, "activity", "user.login"),
    ({"eventName": "user.login"}, "activity", "user.login"),
    ({"attributes": [attribute("event.name", stringValue="user.login")]}, "activity", "user.login"),
    ({}, "actor_id", "billing"),
    ({"attributes": [attribute("client.address", stringValue="::1")]}, "actor_id", "::1"),
    ({"attributes": [attribute("enduser.id", intValue="42")]}, "actor_id", "42"),
    ({"attributes": [attribute("outcome", stringValue="FAILURE")]}, "status", "error"),
    ({"attributes": [attribute("status", stringValue="Success")]}, "status", "success"),
    ({"attributes": [attribute("error.type", stringValue="timeout")]}, "status", "error"),
    ({"severityNumber": 21}, "status", "error"),
    ({"severityNumber": "SEVERITY_NUMBER_WARN"}, "status", "success"),
    (
        {"attributes": [attribute("http.server.request.duration", doubleValue=0.5)]},
        "duration_ms",
        500.0,
    ),
    ({"attributes": [attribute("client.address", stringValue="1.2.3.4:80")]}, "ip", "1.2.3.4"),
    (
        {"attributes": [attribute("user_agent.original", stringValue="curl/8")]},
        "user_agent",
        "curl/8",
    ),
]


@pytest.mark.parametrize(("told", "column", "value"), FIELDS)
def test_attributes_give_fields(
    web: WebProcess, acme: Workspace, key: str, told: dict[str, Any], column: str, value: object
) -> None:
    assert post(web, key, request_of(told)).json() == {}
    [found] = stored(acme)
    assert str(getattr(found, column)) == str(value)


def test_hostile_values_lose_no_record(web: WebProcess, acme: Workspace, key: str) -> None:
    told = {
        "eventName": "x" * 300,
        "attributes": [
            attribute("nul", stringValue="a\x00b"),
            attribute("nan", doubleValue="NaN"),
            attribute("large", stringValue="x" * 50_000),
            attribute("client.address", stringValue="nowhere"),
            attribute("http.response.status_code", stringValue="9" * 40),
            attribute("bytes", bytesValue="AAEC"),
            {"key": "none"},
        ],
    }
    assert post(web, key, request_of(told)).json() == {}
    [found] = stored(acme)
    assert (found.activity, found.ip) == ("x" * 128, None)
    assert (found.metadata["nul"], found.metadata["nan"]) == ("a\\x00b", "nan")
    assert found.metadata["cut"] == ["large"]


# Answers


def test_records_that_cannot_be_stored_give_a_partial_success(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    future = {"timeUnixNano": "4102444800000000000", "eventName": "user.login"}
    answer = post(web, key, request_of({"eventName": "user.login"}, future))
    assert answer.status_code == 200
    told = answer.json()["partialSuccess"]
    assert told["rejectedLogRecords"] == "1"
    assert "log record 1: occurred_at: is more than 10 minutes ahead" in told["errorMessage"]
    assert len(stored(acme)) == 1


def test_a_conflict_is_a_partial_success_too(web: WebProcess, key: str) -> None:
    uid = attribute("log.record.uid", stringValue="x-1")
    told = {"timeUnixNano": str(NANOSECONDS), "attributes": [uid]}
    post(web, key, request_of(told | {"eventName": "a.b"}))
    answer = post(web, key, request_of(told | {"eventName": "a.c"}))
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    assert "with other content" in answer.json()["partialSuccess"]["errorMessage"]


def test_more_records_than_a_batch_holds_are_stored(
    web: WebProcess, acme: Workspace, key: str
) -> None:
    told = [{"eventName": f"n.{number}"} for number in range(2500)]
    assert post(web, key, request_of(*told)).json() == {}
    assert len(stored(acme)) == 2500


def test_to_protobuf_the_answer_is_protobuf(web: WebProcess, key: str) -> None:
    answer = post(web, key, ExportLogsServiceRequest().SerializeToString(), PROTOBUF)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, PROTOBUF)
    assert ExportLogsServiceResponse.FromString(answer.content) == ExportLogsServiceResponse()


@pytest.mark.parametrize(
    ("body", "wrong_key", "status"),
    [(b"\x0a\xff", "", 400), (b"", "x", 401), (b"x" * 6_000_000, "", 413)],
)
def test_to_protobuf_a_refusal_is_a_status(
    web: WebProcess, key: str, body: bytes, wrong_key: str, status: int
) -> None:
    answer = post(web, key + wrong_key, body, PROTOBUF)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROTOBUF)
    assert Status.FromString(answer.content).message != ""


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"resourceLogs": 7}', "application/json", 400),
        (b'{"resourceLogs":' + b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"x", "text/plain", 415),
        (json.dumps(request_of(*[{}] * 10_001)).encode(), "application/json", 413),
    ],
)
def test_malformed_otlp_request_is_refused(
    web: WebProcess, acme: Workspace, key: str, body: bytes, kind: str, status: int
) -> None:
    answer = post(web, key, body, kind)
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        status,
        "application/problem+json",
    )
    assert stored(acme) == []
