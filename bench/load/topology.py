"""The processes of docker-compose.yml on this machine, in the form of production."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load.place import Place
from config import embedded
from config.engines import postgres, redis
from tests.deployment.installation import CELERY, Installation
from tests.deployment.visitor import is_ready
from tests.support.serving import environment
from tests.support.workers import eventually

PARTS = ("web", "worker-quick", "worker-heavy", "beat")


@dataclass(frozen=True)
class _Database:
    """The URLs of a place, as an installation asks for them."""

    urls: dict[str, str]

    def url(self, role: str) -> str:
        return self.urls[role]


@dataclass(frozen=True)
class _Broker:
    url: str


class Topology(Installation):
    """An installation whose parts can be weighed and restarted."""

    def __init__(self, place: Place, folder: Path, smtp_url: str) -> None:
        variables = environment(place.settings)
        urls = {
            "app": variables["DATABASE_URL"],
            "platform": variables["PLATFORM_DATABASE_URL"],
            "owner": variables["MIGRATION_DATABASE_URL"],
        }
        super().__init__(folder, _Database(urls), _Broker(place.settings.redis_url))  # type: ignore[arg-type]
        self.environment |= {"SECRET_KEY": secrets.token_hex(32), "SMTP_URL": smtp_url}
        self._logs = folder
        self._embedded = place.embedded

    def memory(self) -> dict[str, float]:
        """MB of each part, its share of what its processes have in common included (PSS)."""
        return {part: self._weight(part) / 1e6 for part in PARTS}

    def restarts(self) -> dict[str, Callable[[], None]]:
        """What restarts each part, and returns once it works again."""
        found = {
            "web, by SIGHUP": self._replace_web,
            "quick worker": lambda: self._replace_worker("quick"),
            "heavy worker": lambda: self._replace_worker("heavy"),
            "beat": self._replace_beat,
        }
        if self._embedded is not None:
            found |= {"Redis": self._restart_redis, "PostgreSQL, fast": self._restart_postgres}
        return found

    def _weight(self, part: str) -> int:
        process = self._processes.get(part)
        if process is None:
            return 0
        try:
            return sum(_pss(pid) for pid in (process.pid, *self.children(part)))
        except FileNotFoundError:
            return 0

    def _replace_web(self) -> None:
        before = self.children("web")
        self.reload_web()
        eventually(lambda: not before & self.children("web"), "workers that were all replaced")
        eventually(lambda: is_ready(self.port), "a web that is ready")

    def _replace_worker(self, queue: str) -> None:
        log = self._logs / f"worker-{queue}.log"
        before = log.read_bytes().count(b"ready.")
        self.ask_to_stop(f"worker-{queue}")
        self.wait_for_end(f"worker-{queue}")
        self.start_worker(queue)
        eventually(lambda: log.read_bytes().count(b"ready.") > before, "a worker that is ready")

    def _replace_beat(self) -> None:
        self.ask_to_stop("beat")
        self.wait_for_end("beat")
        self._start("beat", *CELERY, "beat", "--schedule", str(self._logs / "beat"), "--pidfile=")

    def _restart_redis(self) -> None:
        assert self._embedded is not None
        redis.stop(self._embedded)
        embedded.start_redis(self._embedded)

    def _restart_postgres(self) -> None:
        assert self._embedded is not None
        postgres.stop(self._embedded)
        embedded.start_postgres(self._embedded)


@contextmanager
def running(place: Place, folder: Path, smtp_url: str) -> Iterator[Topology]:
    made = Topology(place, folder, smtp_url)
    try:
        made.start()
        eventually(lambda: is_ready(made.port), "an installation that is ready")
        yield made
    finally:
        made.stop()


def _pss(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
