"""Real gunicorn processes on loopback, as an operator runs them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from config.settings import Settings
from tests.support.workers import PATIENCE_SECONDS, ROOT, eventually


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give another process these settings."""
    return os.environ | {
        "DATABASE_URL": _plain(settings.database_url),
        "PLATFORM_DATABASE_URL": _plain(settings.platform_database_url),
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "STORAGE_URL": settings.storage_url,
        "DATA_DIR": str(settings.data_dir),
    }


class WebProcess:
    """``gunicorn`` with the product's own configuration, in a process group of its own."""

    def __init__(
        self, settings: Settings, log: Path, *, entry: str = "wsgi:app", **variables: str
    ) -> None:
        self._entry = entry
        self.port = free_port()
        self._environment = environment(settings) | {"PORT": str(self.port)} | variables
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def start(self) -> None:
        """Start it unless it runs, and return once it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", self._entry],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(self._is_alive, "a web server that answers")

    def workers(self) -> list[int]:
        """The process ids of the workers, which gunicorn replaces when they die."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def memory(self) -> int:
        """Bytes of memory that all workers hold (RSS)."""
        pages = sum(
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers()
        )
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def kill(self) -> None:
        """Kill -9 all of it at once, as a machine that goes away does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _is_alive(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"gunicorn ended: {self._log.read_text()[-2000:]}")
        try:
            with socket.create_connection(self.address, 1) as connection:
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return b" 200 " in connection.recv(64)
        except OSError:
            return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")
