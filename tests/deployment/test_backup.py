"""Backups of docs/deploy.md and docs/operate.md, taken and brought back by the lines there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.engines.account import engine_account
from tests.deployment import documented
from tests.deployment.installation import Installation
from tests.deployment.servers import POSTGRES_BIN, PostgresServer, RedisServer
from tests.support.workers import eventually

BIN = Path(sys.executable).parent

LOG = """
    SELECT w.slug, h.seq, count(e.id), max(e.seq), count(DISTINCT e.seq),
        md5(string_agg(e::text, '' ORDER BY e.seq)),
        (SELECT sum(n) FROM event_counts AS c WHERE c.workspace_id = w.id),
        (SELECT sum(n) FROM event_days AS d WHERE d.workspace_id = w.id)
    FROM workspaces AS w JOIN log_heads AS h ON h.workspace_id = w.id
    LEFT JOIN events AS e ON e.workspace_id = w.id GROUP BY w.id, w.slug, h.seq ORDER BY w.slug
"""
EVENTS = 300
OWN = 2
"""Events of the product itself: the workspace was made, the file was imported."""


@pytest.fixture(scope="module")
def fresh_server(folder: Path) -> Iterator[PostgresServer]:
    with PostgresServer(folder / "restored") as server:
        yield server


@pytest.fixture(scope="module")
def original(
    folder: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> Installation:
    made = Installation(folder, postgres_server, redis_server)
    made.command("db", "upgrade")
    made.command("workspace", "create", "Initech", "--slug", "initech")
    add(made, folder, "first", EVENTS)
    return made


@pytest.fixture(scope="module")
def restored(
    original: Installation,
    folder: Path,
    postgres_server: PostgresServer,
    fresh_server: PostgresServer,
    redis_server: RedisServer,
) -> tuple[Installation, list[Any]]:
    """The installation that the documented lines make, and its logs before its epoch began."""
    secret = original.environment["SECRET_KEY"]
    made = Installation(folder, fresh_server, redis_server, SECRET_KEY=secret)
    dump, restore = documented.blocks("deploy.md", "Backup and restore")
    first, epoch, rest = restore.partition("auditsaas db new-epoch")
    places = {
        "postgresql://postgres@db/auditsaas": postgres_server.url("postgres"),
        "postgresql://postgres@new-db/auditsaas": fresh_server.url("postgres"),
    }
    shell(dump + first, folder, made.as_owner, places)
    found = logs(fresh_server)
    said = shell(epoch + rest, folder, made.as_owner, places)
    assert "fail" not in said
    return made, found


def shell(lines: str, folder: Path, environment: dict[str, str], places: dict[str, str]) -> str:
    """Run documented lines with other places in them; what they print."""
    for documented_place, place in places.items():
        lines = lines.replace(documented_place, place)
    run = subprocess.run(
        ["bash", "-e"],
        input=lines,
        cwd=folder,
        env=environment | {"PATH": f"{BIN}:{POSTGRES_BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def add(installation: Installation, folder: Path, name: str, number: int) -> None:
    """Import events into Initech, which records the import itself."""
    lines = "\n".join(
        f'{{"activity": "{name}.{n % 7}", "status": "success", "actor": {{"id": "u_{n}"}},'
        f' "occurred_at": "2026-11-01T00:00:00Z"}}'
        for n in range(number)
    )
    file = folder / f"{name}.jsonl"
    file.write_text(lines)
    installation.command("import", "initech", "--format", "jsonl", str(file))


def logs(server: PostgresServer) -> list[Any]:
    with server.connect("postgres") as connection:
        return connection.execute(LOG).fetchall()


def initech(server: PostgresServer) -> tuple[int, list[list[int]]]:
    """The last number of Initech's log, and its epochs."""
    with server.connect("postgres") as connection:
        row = connection.execute(
            "SELECT seq, epochs FROM log_heads AS h JOIN workspaces AS w ON w.id = h.workspace_id"
            " WHERE w.slug = 'initech'"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_restored_backup_has_every_event_and_policy(
    restored: tuple[Installation, list[Any]], postgres_server: PostgresServer
) -> None:
    _, found = restored
    assert found == logs(postgres_server)
    assert {row[0]: row[2] for row in found}["initech"] == EVENTS + OWN


def test_restored_backup_begins_an_epoch_in_every_log(
    restored: tuple[Installation, list[Any]], fresh_server: PostgresServer
) -> None:
    seq, epochs = initech(fresh_server)
    assert [after for _, after in epochs] == [EVENTS + OWN]
    assert seq > EVENTS + OWN


@pytest.fixture
def archiving(
    restored: tuple[Installation, list[Any]], fresh_server: PostgresServer, folder: Path
) -> dict[str, str]:
    """The server as the documented settings have it; where the documented folders are here."""
    backup = folder / "restored" / "backup"
    server_account = engine_account()
    for each in (backup, backup / "wal", backup / "base", folder / "recovered"):
        server_account.make_folder(each)
    server_account.make_folder(folder / "recovered" / "data")
    (settings,) = documented.blocks("operate.md", "Point in time", "ini")
    with (folder / "restored" / "data" / "postgresql.auto.conf").open("a") as file:
        file.write(settings.replace("/backup", str(backup)))
    fresh_server.stop()
    fresh_server.start()
    return {
        "postgresql://postgres@db/postgres": fresh_server.url("postgres", "postgres"),
        "/backup": str(backup),
        "/var/lib/postgresql/15/main": str(folder / "recovered" / "data"),
    }


def test_log_is_brought_back_to_a_moment_between_two_events(
    restored: tuple[Installation, list[Any]],
    archiving: dict[str, str],
    fresh_server: PostgresServer,
    redis_server: RedisServer,
    folder: Path,
) -> None:
    made, _ = restored
    take, go_back = documented.blocks("operate.md", "Point in time")
    as_server(take, archiving, folder)
    add(made, folder, "kept", 5)
    with fresh_server.connect("postgres") as connection:
        (moment,) = connection.execute("SELECT clock_timestamp()::text").fetchone() or ("",)
    kept, _ = initech(fresh_server)
    add(made, folder, "lost", 7)
    with fresh_server.connect("postgres") as connection:
        (last,) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
    wal = Path(archiving["/backup"]) / "wal"
    eventually(lambda: (wal / last).exists(), "the archived log")
    fresh_server.stop()
    as_server(go_back, archiving | {"2026-11-27 12:34:00+00": moment}, folder)
    recovered = PostgresServer(folder / "recovered")
    recovered.passwords |= fresh_server.passwords
    recovered.start()
    try:
        eventually(lambda: not in_recovery(recovered), "a server that takes writes")
        assert initech(recovered)[0] == kept
        secret = made.environment["SECRET_KEY"]
        there = Installation(folder, recovered, redis_server, SECRET_KEY=secret)
        there.command("db", "new-epoch")
        assert initech(recovered)[1][-1][1] == kept
    finally:
        recovered.stop("immediate")
        fresh_server.start()


def as_server(lines: str, places: dict[str, str], folder: Path) -> None:
    """Run documented lines as the account of the database's server."""
    for documented_place, place in places.items():
        lines = lines.replace(documented_place, place)
    path = f"export PATH='{POSTGRES_BIN}':$PATH\n"
    code, output = engine_account().run(["bash", "-ec", path + lines], folder / "restored")
    assert code == 0, output


def in_recovery(server: PostgresServer) -> bool:
    with server.connect("postgres") as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
