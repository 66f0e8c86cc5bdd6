"""The processes of docker-compose.yml on one machine, started as its commands start them."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from config.celery import MAINTENANCE, QUEUES
from tests.deployment.servers import PostgresServer, RedisServer
from tests.deployment.visitor import HOST
from tests.support.serving import free_port
from tests.support.workers import PATIENCE_SECONDS, ROOT, eventually

# What systemd does for a service with a socket; $0 is the descriptor here.
TAKE_OVER = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
CELERY = ("celery", "--quiet", "--app")


class Installation:
    """Commands as in docker-compose.yml; ``python -m`` stands for the image's PATH.

    ``code`` is the folder of the product's code.
    """

    def __init__(
        self,
        folder: Path,
        postgres: PostgresServer,
        redis: RedisServer,
        **variables: str,
    ) -> None:
        self._folder = folder
        self._held: socket.socket | None = None
        self.code = ROOT
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port = free_port()
        self.metrics_token = secrets.token_hex(16)
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = inherited | {
            "AUDITSAAS_ENV": "production",
            "BASE_URL": f"https://{HOST}",
            "TRUSTED_PROXIES": "1",
            "SECRET_KEY": secrets.token_hex(32),
            "DATABASE_URL": postgres.url("app"),
            "PLATFORM_DATABASE_URL": postgres.url("platform"),
            "REDIS_URL": redis.url,
            "STORAGE_URL": (folder / "files").as_uri(),
            "DATA_DIR": str(folder / "data"),
            "PORT": str(self.port),
            "METRICS_TOKEN": self.metrics_token,
            **variables,
        }
        self.as_owner = self.environment | {"MIGRATION_DATABASE_URL": postgres.url("owner")}
        """What migrations, operators' commands and the maintenance worker are told."""

    def command(self, *words: str, given: str = "", code: int = 0) -> str:
        """Run ``auditsaas`` to the end; its output."""
        run = self.run(*words, given=given)
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``auditsaas`` to whatever end."""
        return subprocess.run(
            [sys.executable, "-c", "from auditsaas.cli import main; main()", *words],
            cwd=self.code,
            env=self.as_owner,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> None:
        """Everything that runs for ever; returns once the web is ready and both workers answer."""
        self.start_web()
        for queue in QUEUES:
            self.start_worker(queue)
        self.start_beat()
        for queue in QUEUES:
            self.await_worker(queue)

    def start_beat(self) -> None:
        # Versions before it had an app of its own are started by tests of upgrades.
        app = "tasks.beat" if (self.code / "tasks" / "beat.py").exists() else "tasks.worker"
        words = (app, "beat", "--schedule", str(self._folder / "beat"), "--pidfile=")
        self._start("beat", *CELERY, *words)

    def start_web(self) -> None:
        self._start("web", "gunicorn", "--config", "config/gunicorn.py", "wsgi:app")

    def start_worker(self, queue: str, name: str | None = None) -> None:
        words = f"worker --queues {queue} --hostname {name or queue}@%h --concurrency 1"
        self._start(f"worker-{name or queue}", *CELERY, "tasks.worker", *words.split())

    def await_worker(self, name: str) -> None:
        log = self._folder / f"worker-{name}.log"
        eventually(lambda: b" runs: queues" in log.read_bytes(), f"a worker {name} that is ready")

    def reload_web(self) -> None:
        self._processes["web"].send_signal(signal.SIGHUP)

    def told(self, name: str) -> set[str]:
        """The environments of a process and its children."""
        pids = {self._processes[name].pid, *self.children(name)}
        return {Path(f"/proc/{pid}/environ").read_text() for pid in pids}

    def children(self, name: str) -> set[int]:
        pid = self._processes[name].pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def ask_to_stop(self, name: str) -> None:
        self._processes[name].send_signal(signal.SIGTERM)

    def wait_for_end(self, name: str) -> int:
        return self._processes.pop(name).wait(PATIENCE_SECONDS)

    def stop(self) -> None:
        for name in self._processes:
            self.ask_to_stop(name)
        for name in list(self._processes):
            self.wait_for_end(name)

    def text(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Read the lines of a process's log, each of which is JSON."""
        return [json.loads(line) for line in self.text(name).splitlines()]

    def hold_socket(self) -> socket.socket:
        """Listen in the web's place, as its socket unit does; every later web takes it over."""
        self._held = socket.create_server(("127.0.0.1", self.port), backlog=2048)
        return self._held

    def _start(self, name: str, *command: str) -> None:
        words = [sys.executable, "-m", *command]
        passed = [self._held.fileno()] if self._held and name == "web" else []
        if passed:
            words = ["bash", "-c", TAKE_OVER, *map(str, passed), *words]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                words,
                pass_fds=passed,
                cwd=self.code,
                env=self.as_owner if name == f"worker-{MAINTENANCE}" else self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
