"""Traces by OTLP: they arrive, hang together, and hold nothing of what was asked or answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from celery.app.trace import build_tracer
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from redis import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import tasks.jobs  # noqa: F401  # declares its task
from auditsaas.app import create_app
from auditsaas.extensions import db
from auditsaas.jobs import queue
from auditsaas.jobs.queue import EXTENSION
from auditsaas.tracing import install as tracing
from auditsaas.tracing.statements import summary
from auditsaas.workspaces.models import Workspace
from config.celery import QUICK
from config.settings import Settings
from tests.support.factories import csrf_token, event_input, make_user, sign_in
from tests.support.otlp_receiver import Collector, attributes, collecting

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture
def traced(
    settings: Settings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """An application that sends its traces to the collector."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    made = create_app(replace(settings, traces=True))
    yield made
    made.extensions[tracing.EXTENSION].shutdown()


@pytest.fixture
def client(traced: Flask) -> FlaskClient:
    return traced.test_client()


def arrived(app: Flask, collector: Collector) -> list[Span]:
    assert app.extensions[tracing.EXTENSION].force_flush(5_000)
    return collector.spans()


def named(spans: list[Span], name: str) -> Span:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_request_and_its_statements_make_one_trace(
    traced: Flask, client: FlaskClient, collector: Collector, acme: Workspace, key: str
) -> None:
    headers = {"Authorization": f"Bearer {key}", "traceparent": CALLER}
    assert client.get("/api/v1/events", headers=headers).status_code == 200
    spans = arrived(traced, collector)
    request = named(spans, "GET /api/v1/events")
    assert request.kind == Span.SPAN_KIND_SERVER
    assert request.trace_id.hex() == CALLER.split("-")[1]
    assert request.parent_span_id.hex() == CALLER.split("-")[2]
    told = attributes(request)
    assert told["http.response.status_code"] == 200
    assert told["http.route"] == "/api/v1/events"
    statements = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert {span.trace_id for span in statements} == {request.trace_id}
    assert {span.parent_span_id for span in statements} == {request.span_id}
    assert ("SELECT", "events", "app") in {
        (a["db.operation.name"], a.get("db.collection.name"), a["auditsaas.pool"])
        for a in map(attributes, statements)
    }


def test_failure_of_the_database_is_a_class_on_the_spans(
    traced: Flask, collector: Collector
) -> None:
    with traced.test_request_context("/login"):
        traced.preprocess_request()
        with pytest.raises(DBAPIError):
            db.session.execute(text("SELECT 1 / 0 FROM workspaces"))
    failed = named(arrived(traced, collector), "SELECT workspaces")
    assert attributes(failed)["error.type"] == "22012"
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert failed.status.message == ""


def test_no_secret_filter_or_name_arrives(
    traced: Flask, client: FlaskClient, collector: Collector, acme: Workspace, key: str
) -> None:
    person = make_user(name="Okapi Zebra", is_super_admin=True)
    session_id = sign_in(client, person)
    token = csrf_token(client)
    secrets = [session_id, token, key, key.split("_")[-1], person.email, "Okapi", acme.slug]
    client.get(f"/w/{acme.slug}/audit-logs?q=gazelle&actor=ann%40acme.example")
    client.post(
        "/login", data={"email": "ann@acme.example", "password": "a tapir's", "csrf_token": token}
    )
    client.get("/password-reset/a-token-that-opens")
    client.get("/invitations/a-token-that-opens?from=ibex", headers={"User-Agent": "oryx"})
    sent = {**event_input(), "activity": "kudu.update", "metadata": {"note": "pangolin"}}
    headers = {"Authorization": f"Bearer {key}", "baggage": "who=eland"}
    assert client.post("/api/v1/events", json=sent, headers=headers).status_code == 201
    spans = arrived(traced, collector)
    assert len(spans) > 15
    asked = ["gazelle", "ann@acme", "tapir", "a-token-that", "ibex", "oryx", "kudu", "pangolin"]
    texts = json.dumps([str(each) for each in collector.requests])
    for word in (*secrets, *asked, "eland", str(acme.id), str(person.id)):
        assert word.encode() not in collector.received, word
        assert word not in texts


def test_span_says_only_what_is_listed(
    traced: Flask, client: FlaskClient, collector: Collector
) -> None:
    client.get("/login?next=/somewhere")
    client.open("/login", method="SOMETHING")
    client.get("/static/app.css")
    client.get("/healthz")
    spans = arrived(traced, collector)
    assert {span.name for span in spans if span.kind == Span.SPAN_KIND_SERVER} == {
        "GET /login",
        "_OTHER",
    }
    assert {name for span in spans for name in attributes(span)} <= {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "auditsaas.request_id",
        "auditsaas.pool",
        "db.system.name",
        "db.operation.name",
        "db.collection.name",
        "error.type",
    }
    assert all(not span.events for span in spans)


def test_job_is_in_the_trace_of_the_request_that_asked_for_it(
    traced: Flask, collector: Collector, settings: Settings
) -> None:
    with traced.test_request_context("/login", headers={"traceparent": CALLER}):
        traced.preprocess_request()
        assert queue.enqueue("jobs.sweep")
    with Redis.from_url(settings.redis_url) as redis:
        message = json.loads(redis.lpop(QUICK) or b"")
    trace_id, span_id = message["headers"]["traceparent"].split("-")[1:3]
    assert trace_id == CALLER.split("-")[1]
    assert named(arrived(traced, collector), "GET /login").span_id.hex() == span_id


def test_job_has_a_span_with_its_statements_and_without_its_arguments(
    traced: Flask, collector: Collector
) -> None:
    celery = traced.extensions[EXTENSION]
    celery.finalize()
    task = celery.tasks["jobs.sweep"]
    # As a worker runs it, with the headers of the message.
    message = {"id": "a-job", "traceparent": CALLER, "delivery_info": {"routing_key": "quick"}}
    build_tracer(task.name, task, app=celery)("a-job", (), {}, message)
    spans = arrived(traced, collector)
    job = named(spans, "run jobs.sweep")
    assert job.kind == Span.SPAN_KIND_CONSUMER
    assert job.trace_id.hex() == CALLER.split("-")[1]
    assert attributes(job)["messaging.destination.name"] == "quick"
    assert {s.parent_span_id for s in spans if s.kind == Span.SPAN_KIND_CLIENT} == {job.span_id}
    assert set(attributes(job)) == {
        "auditsaas.job",
        "messaging.destination.name",
        "messaging.message.id",
        "messaging.system",
    }


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT a FROM events WHERE b = 'FROM secrets'", ("SELECT", "events")),
        ("\n  with x AS (SELECT 1) SELECT * FROM x", ("WITH", "x")),
        ("INSERT INTO mails (id) VALUES (1)", ("INSERT", "mails")),
        ("SET LOCAL auditsaas.ticket = 'secret'", ("SET", "")),
        ("SELECT append_events_1f('secret')", ("SELECT", "")),
        ("'secret'", ("OTHER", "")),
    ],
)
def test_statement_is_told_by_its_kind_and_table(statement: str, told: tuple[str, str]) -> None:
    assert summary(statement) == told


def test_nothing_is_traced_unless_asked_for(app: Flask) -> None:
    assert tracing.EXTENSION not in app.extensions
