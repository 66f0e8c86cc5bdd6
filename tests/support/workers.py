"""A real Celery worker process for tests, and waiting for what it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60

# Databases of the run's Redis. Nobody listens to the first, which tests without a worker send to.
MAIL_QUEUE, JOURNEY_QUEUE, BROWSER_QUEUE = 1, 2, 3

Found = TypeVar("Found")


def eventually(find: Callable[[], Found | None], what: str) -> Found:
    """The first result of ``find`` that is neither None nor False; fails after a minute."""
    pause = threading.Event()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = find()
        if found is not None and found is not False:
            return found
        pause.wait(0.05)
    raise AssertionError(f"in {PATIENCE_SECONDS} s there was never {what}")


def with_queue(settings: Settings, number: int) -> Settings:
    """The same installation with a queue of its own, so that no other test's worker hears it."""
    url = urlsplit(settings.redis_url)._replace(path=f"/{number}").geturl()
    return replace(settings, redis_url=url)


def process_environment(settings: Settings) -> dict[str, str]:
    """The environment in which a process of the product has these settings."""
    return os.environ | {
        "DATABASE_URL": _plain(settings.database_url),
        "PLATFORM_DATABASE_URL": _plain(settings.platform_database_url),
        "MIGRATION_DATABASE_URL": _plain(settings.owner_url),
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "STORAGE_URL": settings.storage_url,
        "DATA_DIR": str(settings.data_dir),
        "SMTP_URL": settings.smtp_url or "",
    }


class WorkerProcess:
    """``celery worker`` as an operator runs it, in a process group of its own."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._environment = process_environment(settings)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs, and return once it takes tasks."""
        if self._process is not None and self._process.poll() is None:
            return
        command = "worker --concurrency 2 --loglevel INFO --without-gossip --without-mingle"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "tasks.worker", *command.split()],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(lambda: b"ready." in self._log.read_bytes() or None, "a worker that is ready")

    def said(self, words: str) -> int:
        """Count these words in its log, in any case."""
        return self._log.read_text(errors="replace").lower().count(words)

    def children(self) -> list[int]:
        """The processes that work."""
        if self._process is None:
            return []
        found = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in found.read_text().split()]

    def signal_children(self, number: signal.Signals) -> None:
        for pid in self.children():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """Kill -9 the worker and its children at once, as a machine that goes away does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if how is signal.SIGKILL:
            os.killpg(self._process.pid, how)
        else:
            self._process.send_signal(how)
        self._process.wait(PATIENCE_SECONDS)
        self._process = None


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")
