"""A restart cuts no request and loses no job."""

from __future__ import annotations

import threading

import psycopg
import pytest

from tests.deployment.installation import Installation
from tests.deployment.servers import PostgresServer
from tests.deployment.visitor import Visitor, is_ready
from tests.support.workers import eventually

EMAIL, PASSWORD = "bob@globex.example", "a long enough password for Bob"
SENDERS = 4


@pytest.fixture(scope="module")
def key(installation: Installation) -> str:
    installation.command("workspace", "create", "Globex", "--slug", "globex")
    installation.command("user", "create", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    installation.command("member", "add", "globex", EMAIL, "--role", "admin")
    return installation.command(
        "api-key", "create", "globex", "--name", "t", "--scope", "events:write"
    ).strip()


class Sender(threading.Thread):
    """Sends event after event until the server takes no connection any more."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._key = key
        self.acknowledged = 0
        self.cut: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        event = {"activity": "load.test", "status": "success", "actor": {"id": "u_1"}}
        visitor = Visitor(self._port)
        while not self.enough.is_set():
            try:
                sent = visitor.post_json(
                    "/api/v1/events", event, Authorization=f"Bearer {self._key}"
                )
            except OSError as error:
                self.cut.append(repr(error))
                return
            if sent.status != 201:
                self.cut.append(str(sent.status))
            self.acknowledged += 1


@pytest.fixture
def stored_before(installation: Installation, postgres_server: PostgresServer) -> int:
    eventually(lambda: is_ready(installation.port), "an installation that is ready")
    return stored(postgres_server)


@pytest.fixture
def senders(installation: Installation, key: str, stored_before: int) -> list[Sender]:
    """A steady load."""
    made = [Sender(installation.port, key) for _ in range(SENDERS)]
    for sender in made:
        sender.start()
    eventually(lambda: all(sender.acknowledged > 10 for sender in made), "a steady load")
    return made


def test_reload_replaces_every_worker_without_cutting_a_request(
    installation: Installation,
    senders: list[Sender],
    stored_before: int,
    postgres_server: PostgresServer,
) -> None:
    before = installation.children("web")
    installation.reload_web()
    eventually(lambda: not before & installation.children("web"), "workers that were all replaced")
    served = [sender.acknowledged for sender in senders]
    eventually(
        lambda: all(s.acknowledged > n for s, n in zip(senders, served, strict=True)),
        "answers of the new workers",
    )
    stop(senders)
    assert [sender.cut for sender in senders] == [[]] * SENDERS
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
    asked = visitor.post("/w/globex/exports", {"format": "csv", "csrf_token": token})
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


def stop(senders: list[Sender]) -> None:
    for sender in senders:
        sender.enough.set()
    for sender in senders:
        sender.join()


def acknowledged(senders: list[Sender]) -> int:
    return sum(sender.acknowledged for sender in senders)


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
