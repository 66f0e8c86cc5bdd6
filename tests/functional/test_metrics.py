"""Metrics for Prometheus, refused to others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.app import create_app
from config.settings import Settings
from tasks.jobs import sweep_jobs
from tests.support.exporting import ask
from tests.support.factories import append_events, event_input, make_member, make_workspace

TOKEN = "a-token-for-prometheus"


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Flask:
    return create_app(replace(settings, metrics_token=TOKEN))


def figures(client: FlaskClient) -> dict[str, float]:
    """Each series, with its labels as written, and its value."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_requests_are_counted_by_their_pattern(client: FlaskClient) -> None:
    series = (
        'auditsaas_request_seconds_count{method="GET",route="/w/<slug>/audit-logs",status="302"}'
    )
    before = figures(client).get(series, 0)
    client.get("/w/anything/audit-logs")
    assert figures(client)[series] == before + 1


def test_unknown_methods_share_one_series(client: FlaskClient) -> None:
    client.open("/login", method="SOMETHING")
    found = figures(client)
    assert not any("SOMETHING" in series for series in found)
    assert any('method="other"' in series for series in found)


def test_metrics_show_waiting_exports_and_the_last_sweep(app: Flask, client: FlaskClient) -> None:
    workspace = make_workspace()
    append_events(workspace, [event_input()])
    before = figures(client)['auditsaas_exports{state="queued"}']
    ask(make_member(workspace), [workspace])
    with app.app_context():
        sweep_jobs()
    found = figures(client)
    assert found['auditsaas_exports{state="queued"}'] == before + 1
    assert found["auditsaas_export_oldest_pending_seconds"] > 0
    assert found["auditsaas_sweep_age_seconds"] < 60
    assert found["auditsaas_partition_horizon_days"] > 60
    assert {part: found[f'auditsaas_up{{part="{part}"}}'] for part in ("database", "redis")} == {
        "database": 1,
        "redis": 1,
    }


def test_metrics_without_redis_report_it_and_omit_its_figures(settings: Settings) -> None:
    without = create_app(replace(settings, redis_url="redis://127.0.0.1:9/0"))
    found = figures(without.test_client())
    assert found['auditsaas_up{part="redis"}'] == 0
    assert found['auditsaas_up{part="database"}'] == 1
    assert not any(series.startswith("auditsaas_queue_depth") for series in found)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_metrics_are_refused_through_a_proxy(client: FlaskClient, header: str) -> None:
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404


def test_metrics_are_refused_from_another_machine(client: FlaskClient) -> None:
    answer = client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert answer.status_code == 404


def test_only_the_metrics_token_opens_them_from_anywhere(guarded: Flask) -> None:
    client = guarded.test_client()
    away = {"REMOTE_ADDR": "203.0.113.9"}
    right = {"Authorization": f"Bearer {TOKEN}"}
    wrong = {"Authorization": "Bearer something-else"}
    assert client.get("/metrics", headers=right, environ_base=away).status_code == 200
    assert client.get("/metrics", headers=wrong, environ_base=away).status_code == 404
    assert client.get("/metrics").status_code == 404


def behind_a_name(settings: Settings) -> FlaskClient:
    """A web that answers to its own name, as a production does."""
    app = create_app(settings)
    app.config["TRUSTED_HOSTS"] = ["audit.example.com", "localhost", "127.0.0.1"]
    return app.test_client()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probe_is_answered_by_the_machines_address(settings: Settings, path: str) -> None:
    """As load balancers, Kubernetes and Prometheus ask."""
    client = behind_a_name(replace(settings, metrics_token=TOKEN))
    headers = {"Host": "10.0.0.5:8000", "Authorization": f"Bearer {TOKEN}"}
    assert client.get(path, headers=headers).status_code == 200
    assert client.get("/login", headers=headers).status_code == 400


def test_metrics_without_a_token_are_refused_by_another_name(settings: Settings) -> None:
    client = behind_a_name(settings)
    assert client.get("/metrics", headers={"Host": "lured.example.com"}).status_code == 400
    assert client.get("/metrics", headers={"Host": "localhost"}).status_code == 200
