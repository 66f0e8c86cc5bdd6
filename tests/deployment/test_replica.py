"""Pages and exports from a real streaming replica: there where it has everything, else not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.deployment.installation import Installation
from tests.deployment.servers import PostgresServer, RedisServer, Replica
from tests.deployment.visitor import Visitor, is_ready
from tests.support.workers import eventually

EMAIL, PASSWORD = "ann@umbrella.example", "a long enough password for Ann"


@pytest.fixture(scope="module")
def primary(folder: Path) -> Iterator[PostgresServer]:
    """A server of its own: no worker of another installation finds the exports of these tests."""
    with PostgresServer(folder / "primary") as made:
        yield made


@pytest.fixture(scope="module")
def queue(folder: Path) -> Iterator[RedisServer]:
    with RedisServer(folder / "queue") as made:
        yield made


@pytest.fixture(scope="module")
def replica(folder: Path, primary: PostgresServer) -> Iterator[Replica]:
    with Replica(primary, folder / "replica") as made:
        yield made


@pytest.fixture(scope="module")
def reading(
    folder: Path, primary: PostgresServer, queue: RedisServer, replica: Replica
) -> Iterator[Installation]:
    """A web and a worker that know of the replica."""
    own = folder / "reading"
    own.mkdir()
    made = Installation(own, primary, queue, REPLICA_DATABASE_URL=replica.url("app"))
    made.command("db", "upgrade")
    made.command("workspace", "create", "Umbrella", "--slug", "umbrella")
    made.command("user", "create", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    made.command("member", "add", "umbrella", EMAIL, "--role", "admin")
    try:
        made.start_web()
        made.start_worker("quick")
        made.await_worker("quick")
        eventually(lambda: is_ready(made.port), "an installation that is ready")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def key(reading: Installation) -> str:
    scope = ("--scope", "events:write")
    return reading.command("api-key", "create", "umbrella", "--name", "t", *scope).strip()


@pytest.fixture
def admin(reading: Installation, key: str) -> Visitor:
    visitor = Visitor(reading.port, forwarded=True)
    assert visitor.sign_in(EMAIL, PASSWORD).status in (302, 303)
    return visitor


def send(reading: Installation, key: str, activity: str) -> None:
    event = {"activity": activity, "status": "success", "actor": {"id": "u_1"}}
    sent = Visitor(reading.port).post_json("/api/v1/events", event, Authorization=f"Bearer {key}")
    assert sent.status == 201


def rows(admin: Visitor, activity: str) -> int:
    """Count the events that the page shows."""
    page = admin.get(f"/w/umbrella/audit-logs?activity={activity}")
    assert page.status == 200
    return page.text.count("data-event-id=")


def reads(reading: Installation, outcome: str) -> float:
    """Count the web's pages by outcome: read on the replica, or why not."""
    token = f"Bearer {reading.metrics_token}"
    figures = Visitor(reading.port).get("/metrics", Authorization=token).text
    series = rf'^auditsaas_replica_reads_total{{outcome="{outcome}"}} (\S+)$'
    found = re.search(series, figures, re.MULTILINE)
    return float(found[1]) if found else 0.0


def on_the_replica(replica: Replica, activity: str) -> int:
    with psycopg.connect(replica.url("postgres")) as connection:
        found = connection.execute("SELECT count(*) FROM events WHERE activity = %s", [activity])
        return int(found.fetchone()[0])  # type: ignore[index]  # a count has a row


def test_a_page_is_read_on_the_replica(reading: Installation, admin: Visitor, key: str) -> None:
    send(reading, key, "on.replica")
    before = reads(reading, "replica")
    eventually(
        lambda: rows(admin, "on.replica") == 1 and reads(reading, "replica") > before,
        "a page that was read on the replica",
    )


def test_page_is_never_older_than_the_last_acknowledged_event(
    reading: Installation, admin: Visitor, key: str, replica: Replica
) -> None:
    with replica.behind():
        before = reads(reading, "behind")
        send(reading, key, "on.primary")
        assert rows(admin, "on.primary") == 1
        assert reads(reading, "behind") > before
        assert on_the_replica(replica, "on.primary") == 0  # there it would have been missing
    eventually(lambda: on_the_replica(replica, "on.primary") == 1, "a replica that caught up")


def test_policies_hold_on_the_replica(replica: Replica) -> None:
    with psycopg.connect(replica.url("app")) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_an_export_is_read_on_the_replica(
    reading: Installation, admin: Visitor, key: str, replica: Replica
) -> None:
    send(reading, key, "read.there")
    eventually(lambda: on_the_replica(replica, "read.there") == 1, "a replica that caught up")
    before = readers(replica)
    assert len(export(admin, "read.there")) == 1
    # The web reads only pages of the log there, and none was asked for meanwhile.
    assert readers(replica) - before


def readers(replica: Replica) -> set[int]:
    """The connections to the replica by the app role."""
    with psycopg.connect(replica.url("postgres")) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'auditsaas_app'"
        )
        return {row[0] for row in found}


def export(admin: Visitor, activity: str) -> list[dict[str, str]]:
    """Ask for a CSV a month, which a worker builds, wait for it and read it."""
    form = {
        "monthly": "csv",
        "activity": activity,
        "csrf_token": admin.csrf_token("/w/umbrella/members"),
    }
    asked = admin.post("/w/umbrella/exports", form)
    assert asked.status == 303
    found = re.search(r'data-export-id="([^"]+)"', admin.get(asked.headers["Location"]).text)
    assert found
    address = f"/w/umbrella/exports/{found[1]}"
    eventually(lambda: 'data-state="ready"' in admin.get(address).text, "an export that is ready")
    file = admin.get(f"{address}/download").body.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(file)))


def test_export_has_its_whole_snapshot_on_a_lagging_replica(
    reading: Installation, admin: Visitor, key: str, replica: Replica
) -> None:
    with replica.behind():
        send(reading, key, "to.export")
        assert len(export(admin, "to.export")) == 1
        assert on_the_replica(replica, "to.export") == 0


def test_doctor_reports_the_replica(reading: Installation) -> None:
    words = reading.command("doctor", "--only", "replica")
    assert "ok    replica: follows the database" in words


def test_doctor_detects_a_database_that_is_no_replica(
    folder: Path, primary: PostgresServer, queue: RedisServer, reading: Installation
) -> None:
    itself = {"REPLICA_DATABASE_URL": primary.url("app")}
    wrong = Installation(folder, primary, queue, **itself)
    assert "fail  replica: is no replica" in wrong.command("doctor", "--only", "replica", code=1)


def test_pages_are_served_without_the_replica(
    reading: Installation, admin: Visitor, key: str, replica: Replica
) -> None:
    replica.stop()
    try:
        send(reading, key, "without.replica")
        assert rows(admin, "without.replica") == 1
        assert reads(reading, "away") > 0
    finally:
        replica.start()
