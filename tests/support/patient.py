"""An installation of a test's own that it breaks, with the doctor at its bedside."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from click.testing import CliRunner
from redis import Redis

from auditsaas.cli import cli
from auditsaas.db import tickets
from auditsaas.jobs import liveness
from auditsaas.operations import doctor, upgrade
from auditsaas.operations.finding import Finding, Verdict
from config import embedded
from config.celery import QUEUES
from config.settings import Settings
from tests.support.engines import data_folder
from tests.support.workers import process_environment

SQL = re.compile(
    r"As (?:the (?P<owner>owner)|an administrator|a superuser): (?P<sql>.+;)", re.DOTALL
)
COMMAND = re.compile(r"(?:^|: |\. )(?:Run: )?auditsaas (?P<words>[\w -]+)$")
SHELL = re.compile(r"Run: (?P<line>(?!auditsaas).+)$")
REDIS = re.compile(r"With redis-cli: (?P<words>[\w -]+)")


@dataclass(frozen=True)
class Patient:
    """PostgreSQL and Redis that no other test uses, migrated, with processes that all live."""

    settings: Settings

    @property
    def superuser(self) -> str:
        """How PostgreSQL's superuser connects to the database."""
        return self._url(self.settings.owner_url.replace("auditsaas_owner@", "postgres@"))

    def sql(self, statements: str, *, as_owner: bool = False) -> None:
        """Run statements one by one, as psql does."""
        url = self._url(self.settings.owner_url) if as_owner else self.superuser
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in _apart(statements):
                connection.execute(statement.encode())

    def one(self, query: str) -> str:
        """The first value of a query, as the superuser."""
        with psycopg.connect(self.superuser) as connection:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return str(row[0])

    def redis(self) -> Redis:
        return Redis.from_url(self.settings.redis_url)

    def lives(self) -> None:
        """Note that a worker of every queue and a beat are alive, and that jobs were looked for."""
        with self.redis() as server:
            server.delete("auditsaas:beat:each")
            liveness.note_worker(server, "all@here", QUEUES)
            liveness.note_beat(server)

    def command(self, *words: str) -> str:
        fallbacks = {"SECRET_KEY_FALLBACKS": ",".join(self.settings.secret_key_fallbacks)}
        environment = process_environment(self.settings) | fallbacks
        run = CliRunner(env=environment).invoke(cli, words)
        assert run.exit_code == 0, run.output
        return run.output

    def looked_at(self, check: str) -> list[Finding]:
        """What the doctor finds wrong with it in one check."""
        chosen = [each for each in doctor.CHECKS if each.name == check]
        assert chosen, check
        found = doctor.findings(self.settings, chosen)
        return [each for _, each in found if each.verdict is not Verdict.OK]

    def words(self, check: str) -> str:
        """The same as one text, each with its verdict."""
        return "; ".join(f"{each.verdict} {each.words}" for each in self.looked_at(check))

    def heals(self, check: str, says: str) -> None:
        """It is found, what is printed is done to the letter, and it is well."""
        found = self.looked_at(check)
        assert says in "; ".join(each.words for each in found)
        for finding in found:
            self.follow(finding.remedy)
        assert self.looked_at(check) == []

    def follow(self, remedy: str) -> None:
        """Do what a remedy says, word by word, where it is SQL or a command."""
        if told := SQL.search(remedy):
            self.sql(told["sql"], as_owner=told["owner"] is not None)
        elif told := REDIS.search(remedy):
            with self.redis() as server:
                server.execute_command(*told["words"].split())
        elif told := COMMAND.search(remedy):
            self.command(*told["words"].split())
        elif told := SHELL.search(remedy):
            subprocess.run(["/bin/sh", "-c", told["line"]], check=True)
        else:
            raise AssertionError(f"nothing to follow: {remedy}")

    @staticmethod
    def _url(url: str) -> str:
        return url.replace("postgresql+psycopg://", "postgresql://")


@contextmanager
def patient() -> Iterator[Patient]:
    """Start one; it is stopped afterwards."""
    with data_folder() as folder:
        urls = embedded.start_postgres(folder)
        settings = Settings(
            database_url=urls.app,
            platform_database_url=urls.platform,
            migration_database_url=urls.owner,
            redis_url=embedded.start_redis(folder),
            secret_key=secrets.token_urlsafe(48),
            data_dir=folder / "data",
            storage_url=(folder / "files").as_uri(),
        )
        Path(settings.data_dir).mkdir()
        upgrade.upgrade(settings)
        tickets.sign_with(settings.secret_key)
        made = Patient(settings)
        made.lives()
        yield made


def elsewhere(made: Patient, **settings: object) -> Patient:
    """The same installation, as processes with other settings see it."""
    return replace(made, settings=replace(made.settings, **settings))  # type: ignore[arg-type]  # of Settings


def _apart(statements: str) -> list[str]:
    """Split at the semicolons that end a statement, but for those of a function's body."""
    if "$function$" in statements:
        return [statements]
    return [each for each in statements.split(";") if each.strip()]
