"""The backup of docs/deploy.md, taken and brought back as it says there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.installation import Installation
from tests.deployment.servers import POSTGRES_BIN, PostgresServer, RedisServer

LOG = """
    SELECT w.slug, h.seq, count(e.id), max(e.seq), count(DISTINCT e.seq),
        md5(string_agg(e::text, '' ORDER BY e.seq)),
        (SELECT sum(n) FROM event_counts AS c WHERE c.workspace_id = w.id),
        (SELECT sum(n) FROM event_days AS d WHERE d.workspace_id = w.id)
    FROM workspaces AS w JOIN log_heads AS h ON h.workspace_id = w.id
    LEFT JOIN events AS e ON e.workspace_id = w.id GROUP BY w.id, w.slug, h.seq ORDER BY w.slug
"""
EVENTS = 300


@pytest.fixture(scope="module")
def fresh_server(folder: Path) -> Iterator[PostgresServer]:
    with PostgresServer(folder / "restored") as server:
        yield server


def program(name: str, *arguments: str) -> None:
    run = subprocess.run(
        [POSTGRES_BIN / name, *arguments], env=os.environ, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()


def logs(server: PostgresServer) -> list[Any]:
    with server.connect("postgres") as connection:
        return connection.execute(LOG).fetchall()


def test_restored_backup_has_every_event_and_policy(
    folder: Path,
    postgres_server: PostgresServer,
    fresh_server: PostgresServer,
    redis_server: RedisServer,
) -> None:
    original = Installation(folder, postgres_server, redis_server)
    original.command("db", "upgrade")
    original.command("workspace", "create", "Initech", "--slug", "initech")
    lines = "\n".join(
        f'{{"activity": "note.{n % 7}", "status": "success", "actor": {{"id": "u_{n}"}},'
        f' "occurred_at": "2026-11-01T00:00:00Z"}}'
        for n in range(EVENTS)
    )
    file = folder / "events.jsonl"
    file.write_text(lines)
    original.command("import", "initech", "--format", "jsonl", str(file))

    dump = str(folder / "auditsaas.dump")
    superuser = postgres_server.url("postgres")
    program("pg_dump", "--format=custom", f"--file={dump}", superuser)
    program("pg_restore", "--exit-on-error", f"--dbname={fresh_server.url('postgres')}", dump)

    restored = logs(fresh_server)
    assert restored == logs(postgres_server)
    assert {row[0]: row[2] for row in restored}["initech"] == EVENTS + 1  # and the import's own
    secret = original.environment["SECRET_KEY"]
    elsewhere = Installation(folder, fresh_server, redis_server, SECRET_KEY=secret)
    assert "fail" not in elsewhere.command("doctor")
    assert elsewhere.command("db", "upgrade")
    assert elsewhere.command("db", "new-epoch").startswith("An epoch was begun in ")
    assert {row[0]: row[1] for row in logs(fresh_server)}["initech"] == EVENTS + 2
