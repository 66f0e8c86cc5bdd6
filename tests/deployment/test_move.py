"""``auditsaas move``: from the demo's own servers to an operator's, with all that is in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql

from auditsaas.accounts import passwords
from auditsaas.cli import cli
from auditsaas.operations.transfer.tables import tables
from config import embedded
from config.start import load
from tests.deployment.servers import PostgresServer

ROWS = sql.SQL("SELECT t::text FROM {} AS t")
PASSWORD = "a long enough password for Ann"
# A month that no new installation has, this one, and a text that is no ASCII.
NUMBERS = """
    SELECT e.seq FROM events AS e JOIN workspaces AS w ON w.id = e.workspace_id
    WHERE w.slug = 'acme' ORDER BY e.seq
"""
EVENTS = "\n".join(
    f'{{"activity": "note.add", "status": "success", "actor": {{"id": "u_{n}", "name": "Zoë\\t☂"}},'
    f' "occurred_at": "{time}T00:00:00Z"}}'
    for n, time in enumerate(("2021-05-01", "2026-11-01", "2026-11-02"))
)


def run(environment: dict[str, str], *words: str, given: str = "") -> Result:
    unset = dict.fromkeys(name for name in os.environ if name.endswith("DATABASE_URL"))
    return CliRunner().invoke(cli, words, input=given, env=unset | environment)


def done(environment: dict[str, str], *words: str, given: str = "") -> str:
    ended = run(environment, *words, given=given)
    assert ended.exit_code == 0, ended.output
    return ended.output


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[dict[str, str]]:
    """Settings of a demo in which an operator has tried things, and its servers."""
    data = folder / "demo"
    settings = {"AUDITSAAS_ENV": "demo", "DATA_DIR": str(data)}
    done(settings, "db", "upgrade")
    done(settings, "workspace", "create", "Acme", "--slug", "acme")
    person = ("ann@acme.example", "--super-admin", "--password-stdin")
    done(settings, "user", "create", *person, given=f"{PASSWORD}\n")
    done(settings, "member", "add", "acme", "ann@acme.example", "--role", "admin")
    done(settings, "api-key", "create", "acme", "--name", "t", "--scope", "events:write")
    (data / "events.jsonl").write_text(EVENTS)
    words = ("--expired", "import", "--format", "jsonl", str(data / "events.jsonl"))
    done(settings, "import", "acme", *words)
    (data / "files" / "exports").mkdir(parents=True)
    (data / "files" / "exports" / "one.csv").write_bytes(b"a,b\r\n" * 300_000)
    yield settings
    embedded.stop(data)


@pytest.fixture(scope="module")
def secret(demo: dict[str, str]) -> str:
    return (Path(demo["DATA_DIR"]) / "secret_key").read_text()


def real(server: PostgresServer, secret: str, name: str) -> Iterator[dict[str, str]]:
    """An empty database of an operator's server, and the settings of its installation."""
    with server.connect("postgres", "postgres") as connection:
        options = "OWNER auditsaas_owner ENCODING 'UTF8' TEMPLATE template0"
        connection.execute(f"CREATE DATABASE {name} {options}")
        yield {
            "DATABASE_URL": server.url("app", name),
            "PLATFORM_DATABASE_URL": server.url("platform", name),
            "MIGRATION_DATABASE_URL": server.url("owner", name),
            "REDIS_URL": "redis://127.0.0.1:9",
            "SECRET_KEY": secret,
        }
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def target(postgres_server: PostgresServer, secret: str) -> Iterator[dict[str, str]]:
    for settings in real(postgres_server, secret, "moved_here"):
        done(settings, "db", "upgrade")
        yield settings


@pytest.fixture(scope="module")
def moved(
    demo: dict[str, str], target: dict[str, str], postgres_server: PostgresServer, folder: Path
) -> str:
    files = (folder / "moved-files").as_uri()
    url = postgres_server.url("postgres", "moved_here")
    return done(demo, "move", "--to", url, "--files", files)


def contents(url: str) -> dict[str, Any]:
    """Every table's rows as text, so that any difference shows."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return {
            table.name: sorted(connection.execute(ROWS.format(sql.Identifier(table.name))))
            for table in tables(connection)
        }


def source_url(demo: dict[str, str]) -> str:
    return load(demo).owner_url.replace("auditsaas_owner@", "postgres@")


@pytest.mark.usefixtures("moved")
def test_every_row_of_every_table_arrives(
    demo: dict[str, str], postgres_server: PostgresServer
) -> None:
    arrived = contents(postgres_server.url("postgres", "moved_here"))
    assert arrived == contents(source_url(demo))
    assert len(arrived["events"]) > 4  # the file's, and what was recorded of it and before it
    assert {name for name, rows in arrived.items() if rows} >= {"users", "api_keys", "memberships"}


@pytest.mark.usefixtures("moved")
def test_moved_installation_goes_on(
    target: dict[str, str], postgres_server: PostgresServer, folder: Path
) -> None:
    (folder / "more.jsonl").write_text(EVENTS)
    words = ("--expired", "import", "--format", "jsonl", str(folder / "more.jsonl"))
    assert run(target, "import", "acme", *words).exit_code == 0
    with postgres_server.connect("postgres", "moved_here") as connection:
        numbers = connection.execute(NUMBERS).fetchall()
        (hashed,) = connection.execute("SELECT password_hash FROM users").fetchone() or ("",)
    assert [seq for (seq,) in numbers] == list(range(1, len(numbers) + 1))
    assert passwords.matches(PASSWORD, hashed)


def test_files_arrive_whole(moved: str, demo: dict[str, str], folder: Path) -> None:
    there = (folder / "moved-files" / "exports" / "one.csv").read_bytes()
    assert there == (Path(demo["DATA_DIR"]) / "files" / "exports" / "one.csv").read_bytes()
    assert "1 files, 1,500,000 bytes" in moved


@pytest.mark.usefixtures("moved")
def test_target_that_is_not_empty_is_refused(
    demo: dict[str, str], postgres_server: PostgresServer
) -> None:
    ended = run(demo, "move", "--to", postgres_server.url("postgres", "moved_here"))
    assert ended.exit_code == 2
    assert "The target is not empty: " in ended.output


def test_move_that_cannot_be_kept_leaves_the_target_empty(
    demo: dict[str, str], postgres_server: PostgresServer, secret: str
) -> None:
    for settings in real(postgres_server, secret, "half_moved"):
        done(settings, "db", "upgrade")
        url = postgres_server.url("postgres", "half_moved")
        with postgres_server.connect("postgres", "half_moved") as connection:
            connection.execute("ALTER TABLE api_keys ADD CHECK (name <> 't')")
        ended = run(demo, "move", "--to", url)
        assert ended.exit_code == 2
        assert "Nothing was kept." in ended.output
        assert [name for name, rows in contents(url).items() if rows] == []


@pytest.mark.parametrize(
    ("role", "upgraded", "key", "sentence"),
    [
        (
            "postgres",
            False,
            "same",
            "The target has no tables yet. Run there: auditsaas db upgrade",
        ),
        ("owner", True, "same", "The target is to be named as a superuser"),
        ("postgres", True, "other", "The target does not know the source's SECRET_KEY"),
    ],
)
def test_target_that_does_not_fit_is_refused_in_a_sentence(
    demo: dict[str, str],
    postgres_server: PostgresServer,
    secret: str,
    role: str,
    upgraded: bool,
    key: str,
    sentence: str,
) -> None:
    known = secret if key == "same" else "another secret of thirty-two characters or more"
    for settings in real(postgres_server, known, "misfit"):
        if upgraded:
            done(settings, "db", "upgrade")
        ended = run(demo, "move", "--to", postgres_server.url(role, "misfit"))
        assert ended.exit_code == 2
        assert sentence in ended.output
