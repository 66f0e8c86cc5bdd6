"""An empty installation with production's settings, started for a newcomer: web, worker and TLS."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config import embedded
from config.celery import QUEUES
from tests.support.certificates import write_certificate
from tests.support.engines import data_folder
from tests.support.serving import free_port
from tests.support.workers import PATIENCE_SECONDS, ROOT, eventually

LINK = re.compile(r"/welcome/[\w-]{43}")


@dataclass(frozen=True)
class Production:
    """Where it listens, and where its processes write."""

    url: str
    folder: Path
    environment: dict[str, str]

    def link(self) -> str:
        """The address that the web printed at its start."""
        log = self.folder / "web.log"
        found = eventually(lambda: LINK.search(log.read_text()), "a link in the web's log")
        return self.url + found[0]

    def command(self, *words: str) -> str:
        """Run ``auditsaas`` to the end, as an operator does."""
        run = subprocess.run(
            [sys.executable, "-c", "from auditsaas.cli import main; main()", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return run.stdout


@contextmanager
def empty_production() -> Iterator[Production]:
    """Start one, and return once its web answers and its worker takes tasks."""
    with data_folder() as folder:
        made = _settings(folder)
        made.command("db", "upgrade")
        web = ("gunicorn", "--config", "config/gunicorn.py", "wsgi:app")
        worker = ("celery", "--quiet", "--app", "tasks.worker", "worker", "--concurrency", "1")
        processes = [
            _start(made, "web", *web),
            _start(made, "worker", *worker, "--queues", ",".join(QUEUES)),
        ]
        try:
            eventually(lambda: _says(made, "worker", " runs: queues"), "a worker that is ready")
            made.link()
            yield made
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            for process in processes:
                process.wait(PATIENCE_SECONDS)


def _settings(folder: Path) -> Production:
    urls, port = embedded.start_postgres(folder), free_port()
    certificate = folder / "certificate.pem"
    write_certificate(certificate)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    url = f"https://127.0.0.1:{port}"
    environment = inherited | {
        "AUDITSAAS_ENV": "production",
        "BASE_URL": url,
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": _plain(urls.app),
        "PLATFORM_DATABASE_URL": _plain(urls.platform),
        "MIGRATION_DATABASE_URL": _plain(urls.owner),
        "REDIS_URL": embedded.start_redis(folder),
        "STORAGE_URL": (folder / "files").as_uri(),
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "GUNICORN_CMD_ARGS": f"--certfile {certificate} --keyfile {certificate}",
        # What programs on this machine trust.
        "CURL_CA_BUNDLE": str(certificate),
    }
    return Production(url, folder, environment)


def _start(made: Production, name: str, *command: str) -> subprocess.Popen[bytes]:
    """Start a process; the web is not told who owns the tables, as in production."""
    told = dict(made.environment)
    if name == "web":
        del told["MIGRATION_DATABASE_URL"]
    with (made.folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=told,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _says(made: Production, name: str, words: str) -> bool:
    return words in (made.folder / f"{name}.log").read_text()


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
