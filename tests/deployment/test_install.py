"""The lines of docs/deploy.md for a machine without containers, run as they stand there."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import refusals
from tests.deployment import documented
from tests.deployment.servers import PostgresServer, RedisServer
from tests.support.workers import ROOT

BIN = Path(sys.executable).parent
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()
FILES = {*(ROOT / "deploy" / "systemd").iterdir()}
EXAMPLES = sorted(path for path in FILES if path.suffix == ".example")
# What a test cannot do: make accounts, fetch the code, and speak to systemd.
ELSEWHERE = re.compile(r"^(apt-get|    libpango|useradd|git|make|systemctl)\b")
COMMANDS = ["db upgrade", "db tighten", "doctor", "distribute", "workspace create Acme"]


def blocks(title: str) -> list[str]:
    """Return the shell blocks of a section, without the lines that belong to the machine."""
    return [
        "\n".join(line for line in block.splitlines() if not ELSEWHERE.match(line))
        for block in documented.blocks("deploy.md", title)
    ]


class Machine:
    """An empty folder in the place of ``/``; the code is linked from where it was fetched to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "opt"
        for each in (self.home / ".venv", folder / "etc/systemd/system", folder / "var/lib"):
            each.mkdir(parents=True)
        (self.home / ".venv/bin").symlink_to(BIN)
        (self.home / "deploy").symlink_to(ROOT / "deploy")

    def run(self, lines: str) -> subprocess.CompletedProcess[str]:
        """Run documented lines below this folder, and as the account that runs the test."""
        for there in ("/etc/", "/var/lib/"):
            lines = lines.replace(there, f"{self.folder}{there}")
        lines = re.sub(r"(runuser -u [a-z-]+ --|-o auditsaas) ", "", lines)
        return subprocess.run(
            ["bash", "-e"],
            input=lines,
            cwd=self.home,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "AUDITSAAS_ETC": str(self.folder / "etc"),
                "AUDITSAAS_ACCOUNT": getpass.getuser(),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self, values: dict[str, str]) -> None:
        """Give settings of both files other values."""
        for path in (self.folder / "etc").glob("*.env"):
            lines = (line.partition("=") for line in path.read_text().splitlines())
            told = [f"{name}{sign}{values.get(name, rest)}" for name, sign, rest in lines]
            path.write_text("\n".join(told))

    def files(self) -> set[str]:
        return {path.name for path in self.home.iterdir()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    run = made.run(blocks("Without containers")[1])
    assert run.returncode == 0, run.stderr
    return made


@pytest.fixture
def values(
    machine: Machine, postgres_server: PostgresServer, redis_server: RedisServer
) -> Iterator[dict[str, str]]:
    """What an operator writes into the two files: a database of its own, and no mail server."""
    database = f"install_{secrets.token_hex(4)}"
    with postgres_server.connect("postgres", "postgres") as connection:
        connection.execute(f"CREATE DATABASE {database} OWNER auditsaas_owner")
        yield {
            "SECRET_KEY": secrets.token_hex(32),
            "DATABASE_URL": postgres_server.url("app", database),
            "PLATFORM_DATABASE_URL": postgres_server.url("platform", database),
            "MIGRATION_DATABASE_URL": postgres_server.url("owner", database),
            "REDIS_URL": redis_server.url,
            "STORAGE_URL": (machine.folder / "var/lib/auditsaas/files").as_uri(),
            "DATA_DIR": str(machine.folder / "var/lib/auditsaas"),
            "SMTP_URL": "",
            "METRICS_TOKEN": secrets.token_hex(16),
        }
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


def test_documented_lines_make_an_installation(machine: Machine, values: dict[str, str]) -> None:
    machine.edit(values)
    run = machine.run(blocks("Without containers")[2])
    assert run.returncode == 0, run.stdout + run.stderr
    assert "The database is up to date." in run.stdout
    assert "ok    app role: stands under row-level security" in run.stdout
    assert machine.files() == {".venv", "deploy"}
    installed = {path.name for path in (machine.folder / "etc/systemd/system").iterdir()}
    assert installed == {path.name for path in FILES - {*EXAMPLES}}


def test_documented_lines_refuse_examples_that_were_not_edited(machine: Machine) -> None:
    run = machine.run(blocks("Without containers")[2])
    assert run.returncode == 2
    assert f"still holds {refusals.PLACEHOLDER}" in run.stderr
    assert machine.files() == {".venv", "deploy"}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_without_settings_starts_no_server(machine: Machine, command: str) -> None:
    run = machine.run(f".venv/bin/auditsaas {command} </dev/null")
    assert run.returncode == 2
    assert "DATABASE_URL is not set" in run.stderr
    assert machine.files() == {".venv", "deploy"}


def test_demo_environment_starts_the_servers_of_the_folder(machine: Machine) -> None:
    """The control: what commands did without being told to."""
    run = machine.run("AUDITSAAS_ENV=demo .venv/bin/auditsaas db upgrade")
    assert (run.returncode, run.stdout) == (0, "The database is up to date.\n"), run.stderr
    assert "postgres" in {path.name for path in (machine.home / "var").iterdir()}


def test_examples_name_what_production_needs_and_what_the_docs_know() -> None:
    named = {
        line.partition("=")[0]
        for path in EXAMPLES
        for line in path.read_text().splitlines()
        if line and not line.startswith("#")
    }
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", DEPLOY, re.MULTILINE))
    assert named >= {*refusals.REQUIRED, refusals.OWNER, "AUDITSAAS_ENV", "DATA_DIR"}
    assert named <= documented
