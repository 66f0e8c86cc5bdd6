"""Databases of another encoding than UTF8, which a server without a locale makes by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployment.installation import Installation
from tests.deployment.servers import PostgresServer, RedisServer
from tests.support.workers import ROOT

SENTENCE = (
    "The database of_bytes has the encoding SQL_ASCII, not UTF8:"
    " make another by CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0;"
)
DOCUMENTED = re.compile(r"^CREATE DATABASE (\w+) OWNER (.+);$", re.MULTILINE)


def make_database(server: PostgresServer, name: str, options: str) -> Iterator[str]:
    with server.connect("postgres", "postgres") as connection:
        connection.execute(f"CREATE DATABASE {name} {options} TEMPLATE template0")
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def installed_in(
    database: str, folder: Path, server: PostgresServer, redis: RedisServer
) -> Installation:
    made = Installation(folder, server, redis)
    for variables in (made.environment, made.as_owner):
        for name in variables:
            if name.endswith("DATABASE_URL"):
                variables[name] = variables[name].removesuffix("auditsaas") + database
    return made


@pytest.fixture(scope="module")
def of_bytes(
    folder: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> Iterator[Installation]:
    options = "OWNER auditsaas_owner ENCODING 'SQL_ASCII' LOCALE 'C'"
    for database in make_database(postgres_server, "of_bytes", options):
        made = installed_in(database, folder, postgres_server, redis_server)
        yield made
        made.stop()


@pytest.mark.parametrize("command", ["db upgrade", "workspace create Acme"])
def test_command_refuses_sql_ascii_database_in_one_sentence(
    of_bytes: Installation, command: str
) -> None:
    ended = of_bytes.run(*command.split())
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"Error: {SENTENCE}\n")


def test_doctor_finds_sql_ascii_database_and_goes_on(of_bytes: Installation) -> None:
    told = of_bytes.run("doctor")
    assert told.returncode == 1, told.stderr
    assert "fail  app role: the database of_bytes has the encoding SQL_ASCII" in told.stdout
    assert "CREATE DATABASE … OWNER … ENCODING 'UTF8' TEMPLATE template0;" in told.stdout
    assert "Redis" in told.stdout


def test_start_refuses_sql_ascii_database(of_bytes: Installation) -> None:
    of_bytes.start_web()
    assert of_bytes.wait_for_end("web") != 0
    assert SENTENCE in {line["event"] for line in of_bytes.lines("web")}


def test_documented_sql_names_the_encoding() -> None:
    for path in ("docs/deploy.md", "deploy/postgres/10-roles.sh"):
        made = DOCUMENTED.findall((ROOT / path).read_text())
        assert made == [("auditsaas", "auditsaas_owner ENCODING 'UTF8' TEMPLATE template0")], path


def test_database_of_the_documented_options_is_taken(
    folder: Path, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    """The control."""
    options = "OWNER auditsaas_owner ENCODING 'UTF8'"
    for database in make_database(postgres_server, "of_letters", options):
        made = installed_in(database, folder, postgres_server, redis_server)
        assert made.command("db", "upgrade") == "The database is up to date.\n"
