"""An upgrade in place as docs/deploy.md has it, from a real earlier commit, while events are sent
and pages are read.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import engines
from bench.delivery import Findings, Senders
from bench.faults.site import await_recovery, warm_up
from bench.faults.verdict import Verdict, counted
from config import embedded, start
from config.celery import QUEUES
from config.settings import Settings
from tests.deployment.installation import Installation
from tests.deployment.visitor import HOST, Visitor
from tests.support.serving import environment
from tests.support.workers import ROOT, eventually

WRITERS, BATCH = 8, 5
READ = ("/healthz", "/readyz", "/login")
BETWEEN_READS = 0.2
WORKSPACE = "SELECT id FROM workspaces WHERE slug = 'acme'"


@dataclass(frozen=True)
class _Engine:
    """One of the embedded engines, as an ``Installation`` asks for it."""

    urls: dict[str, str]

    @property
    def url(self) -> Callable[[str], str]:
        return self.urls.__getitem__


@dataclass(frozen=True)
class _Queue:
    url: str


class Reader(threading.Thread):
    """Reads probes and a page all the time, and counts what was not answered with 200."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._over = threading.Event()
        self.failed: Counter[str] = Counter()
        self.answered = 0

    def run(self) -> None:
        while not self._over.wait(BETWEEN_READS):
            for path in READ:
                try:
                    status = str(Visitor(self._port, forwarded=True).get(path).status)
                except OSError as error:
                    status = type(error).__name__
                self.answered += 1
                if status != "200":
                    self.failed[f"{path} {status}"] += 1

    def stop(self) -> None:
        self._over.set()
        self.join()


@dataclass(frozen=True)
class Upgraded:
    found: Findings
    reader: Reader

    @property
    def failed(self) -> Counter[str]:
        return self.found.failed + self.reader.failed


def upgraded(before: str) -> Verdict:
    """Upgrade from that commit to this one."""
    commit = _git(ROOT, "rev-parse", "--short", before or _earlier())
    came = _under_load(commit, _as_documented)
    control = _under_load(commit, _with_a_full_stop)
    found = came.found
    broken = came.failed + Counter(
        {"lost": found.lost, "doubled": found.doubled, "gaps in seq": found.gaps}
    )
    return Verdict(
        f"ingest, {WRITERS} writers, and a reader",
        f"upgrade from {commit} to {_git(ROOT, 'rev-parse', '--short', 'HEAD')}",
        f"{found.acknowledged:,} acknowledged, {came.reader.answered:,} pages and probes;"
        f" refused in words: {counted(found.refused) or 'none'}",
        counted(+broken),
        f"stopped and started without a held socket: {counted(control.failed) or 'nothing failed'}",
        passed=not +broken and bool(+control.failed),
        failed=counted(came.failed) or "0",
        lost=str(found.lost),
        doubled=str(found.doubled),
    )


def _under_load(commit: str, upgrade: Callable[[Installation], None]) -> Upgraded:
    with _running(commit) as (made, settings, key):
        headers = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
        senders = Senders(("127.0.0.1", made.port), key, WRITERS, BATCH, headers)
        reader = Reader(made.port)
        try:
            warm_up(senders)
            reader.start()
            upgrade(made)
            await_recovery(senders)
        finally:
            senders.stop()
            reader.stop()
        with engines.superuser(settings) as connection:
            row = connection.execute(WORKSPACE).fetchone()
        assert row is not None
        return Upgraded(senders.findings(settings, row[0]), reader)  # type: ignore[arg-type]


@contextmanager
def _running(commit: str) -> Iterator[tuple[Installation, Settings, str]]:
    """Run all processes of an earlier commit; yield them, their engines, and a key."""
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-upgrade-"))
    made = None
    try:
        environ = {"DATA_DIR": str(folder), "STORAGE_URL": (folder / "files").as_uri()}
        settings = start.load(start.demo(environ))
        variables = environment(settings)
        urls = {
            "app": variables["DATABASE_URL"],
            "platform": variables["PLATFORM_DATABASE_URL"],
            "owner": settings.owner_url.replace("postgresql+psycopg://", "postgresql://"),
        }
        made = Installation(folder, _Engine(urls), _Queue(settings.redis_url))  # type: ignore[arg-type]
        made.code = folder / "code"
        _git(folder, "clone", "--quiet", "--shared", str(ROOT), "code")
        _git(made.code, "checkout", "--quiet", commit)
        made.command("db", "upgrade")
        made.command("workspace", "create", "Acme", "--slug", "acme")
        key = made.command("api-key", "create", "acme", "--name", "t", "--scope", "events:write")
        made.start_web()
        _start_background(made)
        eventually(lambda: _answers(made), "a web that serves")
        yield made, settings, key.strip()
    finally:
        if made is not None:
            made.stop()
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _as_documented(made: Installation) -> None:
    _install(made)
    before = made.children("web")
    made.reload_web()
    eventually(lambda: not before & made.children("web"), "workers that were all replaced")


def _with_a_full_stop(made: Installation) -> None:
    _install(made)
    made.ask_to_stop("web")
    made.wait_for_end("web")
    made.start_web()


def _install(made: Installation) -> None:
    """Put this commit in place, migrate, and restart workers and beat."""
    _git(made.code, "checkout", "--quiet", _git(ROOT, "rev-parse", "HEAD"))
    made.command("db", "upgrade")
    for name in ("beat", *(f"worker-{queue}" for queue in QUEUES)):
        made.ask_to_stop(name)
        made.wait_for_end(name)
    _start_background(made)


def _start_background(made: Installation) -> None:
    made.start_beat()
    for queue in QUEUES:
        made.start_worker(queue)


def _answers(made: Installation) -> bool:
    try:
        return Visitor(made.port).get("/healthz").status == 200
    except OSError:
        return False


def _earlier() -> str:
    """Return the newest tag, or the commit before this one without any."""
    return _git(ROOT, "tag", "--sort=-creatordate").partition("\n")[0] or "HEAD~1"


def _git(folder: Path, *words: str) -> str:
    run = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.strip()
