"""The processes of a production, each by itself, with real servers by URL and nginx in front."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import Celery

from config.celery import SETTINGS
from tests.deployment.installation import Installation
from tests.deployment.servers import PostgresServer, RedisServer
from tests.deployment.visitor import CLIENT, Visitor, is_ready
from tests.support.workers import eventually

EMAIL, PASSWORD = "ann@acme.example", "a long enough password for Ann"


@dataclass(frozen=True)
class Acme:
    key: str


@pytest.fixture(scope="module")
def acme(installation: Installation) -> Acme:
    """A workspace, its admin and a key, made as an operator makes them."""
    installation.command("workspace", "create", "Acme", "--slug", "acme")
    installation.command("user", "create", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    installation.command("member", "add", "acme", EMAIL, "--role", "admin")
    scopes = ("--scope", "events:write", "--scope", "events:read")
    return Acme(installation.command("api-key", "create", "acme", "--name", "t", *scopes).strip())


@pytest.fixture
def admin(visitor: Visitor, acme: Acme) -> Visitor:
    assert visitor.sign_in(EMAIL, PASSWORD).status in (302, 303)
    return visitor


def test_doctor_passes(installation: Installation) -> None:
    words = installation.command("doctor")
    assert "fail" not in words
    assert "ok    Redis: keeps its queue on disk" in words


def test_sent_event_is_on_the_page(admin: Visitor, acme: Acme) -> None:
    event = {
        "activity": "invoice.update",
        "status": "success",
        "actor": {"id": "u_42", "name": "Ann Lee"},
    }
    sent = admin.post_json("/api/v1/events", event, Authorization=f"Bearer {acme.key}")
    assert sent.status == 201
    assert sent.json["ids"][0] in admin.get("/w/acme/audit-logs?activity=invoice.update").text


def test_sign_in_is_recorded_with_the_proxys_client_address(admin: Visitor, acme: Acme) -> None:
    found = admin.get(
        "/api/v1/events?activity=user.login", Authorization=f"Bearer {acme.key}"
    ).json["data"]
    assert {event["ip"] for event in found} == {CLIENT}


def test_an_export_is_built_by_a_worker_whose_line_has_the_id_of_the_request(
    admin: Visitor, acme: Acme, installation: Installation
) -> None:
    form = {"monthly": "csv", "csrf_token": admin.csrf_token("/w/acme/audit-logs")}
    asked = admin.post("/w/acme/exports", form, X_Request_ID="the-export-of-ann")
    assert asked.status == 303
    page = admin.get(asked.headers["Location"]).text
    export_id = re.search(r'data-export-id="([^"]+)"', page)
    assert export_id
    address = f"/w/acme/exports/{export_id[1]}"
    eventually(lambda: 'data-state="ready"' in admin.get(address).text, "an export that is ready")
    file = admin.get(f"{address}/download")
    assert file.status == 200
    rows = list(csv.DictReader(io.StringIO(file.body.decode("utf-8-sig"))))
    assert {row["workspace"] for row in rows} == {"acme"}

    def line(process: str, kind: str) -> dict[str, object] | None:
        return next(
            (
                line
                for line in installation.lines(process)
                if line.get("kind") == kind and line.get("request_id") == "the-export-of-ann"
            ),
            None,
        )

    request, job = line("web", "request"), line("worker-quick", "job")
    assert request is not None
    assert (request["status"], request["client"]) == (303, CLIENT)
    assert job is not None
    assert (job["job"], job["ended"]) == ("exports.build", "done")


def test_only_the_maintenance_worker_knows_the_owner(installation: Installation) -> None:
    """So the events, pages and exports of this file were made without."""
    password = installation.as_owner["MIGRATION_DATABASE_URL"].split(":")[2].split("@")[0]
    names = ("web", "worker-quick", "worker-heavy", "beat", "worker-maintenance")
    knowing = [n for n in names if any(password in told for told in installation.told(n))]
    assert knowing == ["worker-maintenance"]


def test_maintenance_is_done_by_its_own_worker_alone(
    installation: Installation, redis_server: RedisServer
) -> None:
    """The control: told by mistake, a worker that serves people says what it lacks."""
    celery = Celery(broker=redis_server.url, set_as_current=False)
    celery.conf.update(SETTINGS)
    name = "maintenance.make_partitions"
    celery.send_task(name, headers={"request_id": "routed"})
    celery.send_task(name, queue="quick", headers={"request_id": "astray"})

    def ended(worker: str, request: str) -> object:
        asked = {"kind": "job", "request_id": request}
        lines = installation.lines(worker)
        return next((line["ended"] for line in lines if asked.items() <= line.items()), None)

    eventually(lambda: ended("worker-maintenance", "routed") == "done", "a task that is done")
    eventually(lambda: ended("worker-quick", "astray"), "a task that has ended")
    assert ended("worker-quick", "astray") != "done"
    assert "MIGRATION_DATABASE_URL is not set" in installation.text("worker-quick")


def test_forwarded_header_of_a_visitor_is_ignored(
    visitor: Visitor, installation: Installation
) -> None:
    forged = "203.0.113.99"
    visitor.get("/login", X_Forwarded_For=forged, X_Request_ID="forged")
    line = next(line for line in installation.lines("web") if line.get("request_id") == "forged")
    assert line["client"] == CLIENT


def test_a_log_file_to_import_may_be_larger_than_any_other_request(admin: Visitor) -> None:
    large = (" " * 1_000 + "\n") * 9_000
    form = {"csrf_token": admin.csrf_token("/w/acme/imports/new"), "format": "jsonl"}
    assert admin.upload("/w/acme/imports/new", form, "app.jsonl", large).status == 303
    assert admin.upload("/w/acme/exports", form, "app.jsonl", large).status == 413


def test_a_filter_of_a_hundred_people_fits_into_an_address(admin: Visitor) -> None:
    people = "&".join(f"user=person-{number:040}" for number in range(100))
    assert admin.get(f"/w/acme/audit-logs?{people}").status == 200


@pytest.fixture
def second_machine(
    folder: Path,
    installation: Installation,
    postgres_server: PostgresServer,
    redis_server: RedisServer,
) -> Iterator[Installation]:
    """A web and a worker with the first's settings, and a data folder of their own."""
    own = folder / "second"
    own.mkdir()
    shared = {name: installation.environment[name] for name in ("SECRET_KEY", "STORAGE_URL")}
    made = Installation(own, postgres_server, redis_server, **shared)
    try:
        made.start_web()
        made.start_worker("quick")
        made.await_worker("quick")
        eventually(lambda: is_ready(made.port), "a second machine that is ready")
        yield made
    finally:
        made.stop()


def test_second_machine_joins_the_installation(
    admin: Visitor, acme: Acme, installation: Installation, second_machine: Installation
) -> None:
    """Signed in at one, exported by the worker of the other, downloaded at both."""
    installation.ask_to_stop("worker-quick")
    installation.wait_for_end("worker-quick")
    there = Visitor(second_machine.port, forwarded=True, like=admin)
    form = {"monthly": "csv", "csrf_token": there.csrf_token("/w/acme/audit-logs")}
    asked = admin.post("/w/acme/exports", form, X_Request_ID="over-there")
    found = re.search(r'data-export-id="([^"]+)"', admin.get(asked.headers["Location"]).text)
    assert found
    address = f"/w/acme/exports/{found[1]}"
    eventually(lambda: 'data-state="ready"' in there.get(address).text, "an export that is ready")
    files = [visitor.get(f"{address}/download") for visitor in (admin, there)]
    assert [file.status for file in files] == [200, 200]
    assert files[0].body == files[1].body
    built = [line for line in second_machine.lines("worker-quick") if line.get("job")]
    assert "over-there" in {line.get("request_id") for line in built}
    installation.start_worker("quick")


def test_prometheus_reads_the_figures_of_all_processes(
    visitor: Visitor, installation: Installation
) -> None:
    inside = Visitor(installation.port)
    token = f"Bearer {installation.metrics_token}"
    eventually(
        lambda: "auditsaas_sweep_age_seconds" in inside.get("/metrics", Authorization=token).text,
        "a sweep by beat and the quick worker",
    )
    figures = inside.get("/metrics", Authorization=token).text
    assert 'auditsaas_up{part="database"} 1.0' in figures
    assert 'auditsaas_up{part="redis"} 1.0' in figures
    assert "auditsaas_request_seconds_count" in figures
    assert inside.get("/metrics").status == 404
    assert visitor.get("/metrics", Authorization=token).status == 404


def test_cookies_are_for_https_only(visitor: Visitor) -> None:
    cookies = visitor.get("/login").headers.get_all("Set-Cookie") or []
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
