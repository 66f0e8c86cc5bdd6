"""PgBouncer in transaction mode before the tests' own PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Self

from sqlalchemy import URL, make_url

from config.engines.account import engine_account
from config.settings import Settings
from tests.support.serving import free_port
from tests.support.workers import eventually

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") or "pgbouncer"
SERVER_CONNECTIONS = 2
"""Fewer than the threads that work at once, so that they take turns on each connection."""


class PgBouncer:
    """Needs Debian's package pgbouncer, which ``make test`` installs."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._direct = settings
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Settings:
        """The settings of an installation whose people and workers come through the pooler."""
        return replace(
            self._direct,
            database_url=self._through("app", self._direct.database_url),
            platform_database_url=self._through("platform", self._direct.platform_database_url),
            transaction_pooling=True,
        )

    def __enter__(self) -> Self:
        account = engine_account()
        account.make_folder(self._folder)
        file = self._folder / "pgbouncer.ini"
        file.write_text(self._configuration())
        account.own(file, 0o600)
        # It refuses to run as root, and so does the server behind it.
        self._process = account.spawn([PROGRAM, "--quiet", str(file)], self._folder)
        eventually(self._answers, "a pooler that answers")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def _configuration(self) -> str:
        return f"""
[databases]
app = {_place(make_url(self._direct.database_url))}
platform = {_place(make_url(self._direct.platform_database_url))}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self._port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {SERVER_CONNECTIONS}
logfile = {self._folder}/log
"""

    def _through(self, name: str, direct: str) -> str:
        role = make_url(direct).username
        return f"postgresql+psycopg://{role}@127.0.0.1:{self._port}/{name}"

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def _place(url: URL) -> str:
    found = {
        "host": url.host or url.query.get("host"),
        "port": url.port or url.query.get("port"),
        "dbname": url.database,
        "user": url.username,
        "password": url.password,
    }
    return " ".join(f"{name}='{value}'" for name, value in found.items() if value)
