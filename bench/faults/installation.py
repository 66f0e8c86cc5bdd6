"""An installation of its own to be maltreated: private engines, workers and beat."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from sqlalchemy import create_engine

from auditsaas.app import create_app
from auditsaas.operations import upgrade
from bench import engines
from bench.faults.disk import Disk
from config import embedded, start
from config.celery import QUEUES
from config.engines.pids import live_pid
from config.settings import Settings
from tests.support import factories
from tests.support.workers import ROOT, eventually, process_environment

WORKERS = {"quick": "--queues quick --concurrency 2", "heavy": "--queues heavy --concurrency 2"}
SWEEPING = "sweep jobs"
"""What brings back a lost export, by its name in the timetable."""


class Installation:
    """The product with hurried workers on engines of its own."""

    def __init__(self, folder: Path, megabytes: int | None) -> None:
        self.folder = folder
        self.disk = Disk(folder / "files", megabytes)
        environ = {"DATA_DIR": str(folder), "STORAGE_URL": self.disk.folder.as_uri()}
        self.settings: Settings = start.load(start.demo(environ))
        upgrade.upgrade(self.settings)
        self.app = create_app(self.settings)
        self._bound = {
            sessions: sessions.kw.get("bind")
            for sessions in (factories.Sessions, factories.OwnerSessions)
        }
        self._engines = [
            create_engine(url, pool_pre_ping=True)
            for url in (self.settings.database_url, self.settings.owner_url)
        ]
        for sessions, engine in zip(self._bound, self._engines, strict=True):
            sessions.configure(bind=engine)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._variables: dict[str, str] = {}

    # Processes

    def start(self, *names: str, **variables: str) -> None:
        """Start workers, which may still be starting when it returns."""
        self._variables |= variables
        for name in names or WORKERS:
            command = f"worker {WORKERS[name]} --hostname {name}@%h --loglevel INFO"
            self._start(name, f"{command} --without-gossip --without-mingle")

    def restart_ended(self) -> None:
        """Start again the workers that ended by themselves, as their service manager does.

        Kombu's consumer ends where Redis goes away a second time while it connects.
        """
        for name in WORKERS:
            process = self._processes.get(name)
            if process is not None and process.poll() is not None:
                self.start(name)

    def await_workers(self) -> None:
        for name in WORKERS:
            log = self.folder / f"{name}.log"
            eventually(lambda log=log: b"ready." in log.read_bytes(), f"a {name} worker")  # type: ignore[misc]

    def start_beat(self, without: str = "") -> None:
        self._variables["WITHOUT"] = without
        self._start("beat", f"beat --schedule {self.folder / 'beat'} --pidfile=")

    def start_as_shipped(self, **variables: str) -> None:
        """Start one worker of all queues, and beat, with the product's own times."""
        self._variables |= variables
        queues = ",".join(QUEUES)
        self._run(
            "worker",
            *("-m", "celery", "--quiet", "--app", "tasks.worker", "worker"),
            *("--queues", queues, "--concurrency", "1", "--loglevel", "INFO"),
        )
        schedule = str(self.folder / "beat")
        self._run(
            "beat",
            *("-m", "celery", "--quiet", "--app", "tasks.beat", "beat"),
            *("--schedule", schedule, "--pidfile="),
        )

    def stop_beat(self) -> None:
        self._kill("beat")

    def kill(self, name: str) -> None:
        """Kill -9 a worker and its children, as a machine that goes away does."""
        self._kill(name)

    def children(self, name: str) -> list[int]:
        """The processes of a worker that work."""
        pid = self._processes[name].pid
        with suppress(OSError):
            found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            return [int(child) for child in found.split()]
        return []

    def building(self) -> list[tuple[str, int]]:
        """The workers' names and children that have the file of an export open."""
        return [
            (name, pid) for name in WORKERS for pid in self.children(name) if self._is_writing(pid)
        ]

    # Engines

    def redis_pid(self) -> int | None:
        return live_pid(self.folder / "redis" / "redis.pid")

    def start_redis(self) -> None:
        embedded.start_redis(self.folder)

    def stop_postgres_at_once(self) -> None:
        engines.stop_postgres_at_once(self.folder)

    def start_postgres(self) -> None:
        embedded.start_postgres(self.folder)

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        return engines.superuser(self.settings)

    def close(self) -> None:
        for name in list(self._processes):
            self._kill(name)
        for sessions, bound in self._bound.items():
            sessions.configure(bind=bound)
        for engine in self._engines:
            engine.dispose()
        self.disk.close()

    def _is_writing(self, pid: int) -> bool:
        with suppress(OSError):
            for opened in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if opened.readlink().name.endswith(".part"):
                        return True
        return False

    def _start(self, name: str, command: str) -> None:
        self._run(name, "-m", "bench.faults.hurried", *command.split())

    def _run(self, name: str, *words: str) -> None:
        self._kill(name)
        environment = process_environment(self.settings) | self._variables
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def installation(megabytes: int | None = None) -> Iterator[Installation]:
    """One to be used up; with a disk of so many megabytes where it is to be full."""
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-faults-"))
    made = None
    try:
        made = Installation(folder, megabytes)
        yield made
    finally:
        if made is not None:
            made.close()
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)
