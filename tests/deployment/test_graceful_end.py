"""A restart cuts no request and loses no job."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from tests.deployment.installation import Installation
from tests.deployment.senders import Sender, acknowledged, await_more, steady_load, stop
from tests.deployment.servers import PostgresServer
from tests.deployment.visitor import Visitor, is_ready
from tests.support.workers import eventually

PROCESSES = ("web", "worker-quick", "worker-heavy", "worker-maintenance", "beat")
EMAIL, PASSWORD = "bob@globex.example", "a long enough password for Bob"


@pytest.fixture(scope="module")
def key(installation: Installation) -> str:
    installation.command("workspace", "create", "Globex", "--slug", "globex")
    installation.command("user", "create", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    installation.command("member", "add", "globex", EMAIL, "--role", "admin")
    return installation.command(
        "api-key", "create", "globex", "--name", "t", "--scope", "events:write"
    ).strip()


@pytest.fixture
def stored_before(installation: Installation, postgres_server: PostgresServer) -> int:
    eventually(lambda: is_ready(installation.port), "an installation that is ready")
    return stored(postgres_server)


@pytest.fixture
def senders(installation: Installation, key: str, stored_before: int) -> list[Sender]:
    return steady_load(installation.port, key)


def test_reload_replaces_every_worker_without_cutting_a_request(
    installation: Installation,
    senders: list[Sender],
    stored_before: int,
    postgres_server: PostgresServer,
) -> None:
    before = installation.children("web")
    installation.reload_web()
    eventually(lambda: not before & installation.children("web"), "workers that were all replaced")
    await_more(senders)
    stop(senders)
    assert [sender.cut for sender in senders] == [[]] * len(senders)
    assert stored(postgres_server) - stored_before == acknowledged(senders)


def test_stopping_gunicorn_answers_accepted_requests(
    installation: Installation,
    senders: list[Sender],
    stored_before: int,
    postgres_server: PostgresServer,
) -> None:
    """A connection that it has not accepted yet is reset; nothing of such a one is stored."""
    installation.ask_to_stop("web")
    code = installation.wait_for_end("web")
    stop(senders)
    installation.start_web()
    assert code == 0
    assert stored(postgres_server) - stored_before == acknowledged(senders)


def test_stopping_worker_loses_no_export(
    installation: Installation, visitor: Visitor, key: str, postgres_server: PostgresServer
) -> None:
    eventually(lambda: is_ready(installation.port), "the web again")
    assert visitor.sign_in(EMAIL, PASSWORD).status in (302, 303)
    token = visitor.csrf_token("/w/globex/audit-logs")
    installation.ask_to_stop("worker-quick")
    installation.wait_for_end("worker-quick")
    asked = visitor.post("/w/globex/exports", {"format": "parquet", "csrf_token": token})
    assert asked.status == 303
    with postgres_server.connect("postgres") as looking:
        with postgres_server.connect("postgres") as holder, holder.transaction():
            # Holds the build in the middle: whoever reads the log waits.
            holder.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            installation.start_worker("quick")
            eventually(lambda: states(looking) == ["building"], "an export that is building")
            installation.ask_to_stop("worker-quick")
        installation.wait_for_end("worker-quick")
        installation.start_worker("quick")
        eventually(lambda: states(looking) == ["ready"], "an export that is ready")


def test_page_waits_for_a_restarting_database(
    installation: Installation, visitor: Visitor, key: str, postgres_server: PostgresServer
) -> None:
    eventually(lambda: is_ready(installation.port), "the web again")
    assert visitor.sign_in(EMAIL, PASSWORD).status in (302, 303)
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(visitor.get("/w/globex/audit-logs").status)
    )
    postgres_server.stop()
    asking.start()
    asking.join(0.5)
    refused_at_once = list(answers)
    postgres_server.start()
    asking.join()
    assert (refused_at_once, answers) == ([], [200])


@pytest.fixture
def stopped(installation: Installation) -> Iterator[Installation]:
    """The installation after a heavy worker and beat were stopped; the others were before."""
    for name in ("worker-heavy", "beat"):
        installation.ask_to_stop(name)
        assert installation.wait_for_end(name) == 0
    yield installation
    installation.start_worker("heavy")
    installation.start_beat()


def test_every_line_of_every_process_is_json_from_its_start_to_its_end(
    stopped: Installation,
) -> None:
    told = {name: [line["event"] for line in stopped.lines(name)] for name in PROCESSES}
    assert told["web"][0].startswith("Starting gunicorn")
    assert told["beat"][0].startswith("Beat runs: ")
    heavy = [event for event in told["worker-heavy"] if event.startswith("Worker heavy@")]
    assert " runs: queues heavy, imports, AuditSaaS " in heavy[0]
    assert heavy[-1].endswith(" ends")
    assert [name for name in PROCESSES if not told[name]] == []


def stored(server: PostgresServer) -> int:
    with server.connect("postgres") as connection:
        row = connection.execute("SELECT count(*) FROM events WHERE activity = 'load.test'")
        return int(row.fetchone()[0])  # type: ignore[index]  # a count has a row


def states(connection: psycopg.Connection) -> list[str]:
    """The states of the exports of this workspace."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT state FROM exports WHERE workspace_ids ="
            " (SELECT array_agg(id) FROM workspaces WHERE slug = 'globex')"
        )
    ]
