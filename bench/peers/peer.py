"""A page of logs that can be asked the same questions as the product."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support.serving import free_port

ROWS = 50
"""On a page."""

START_SECONDS = 60
STOP_SECONDS = 20
QUESTIONS = ("first page", "one person", "deep", "search")


class TooSlow(Exception):
    """No whole answer in the time that was given."""


@dataclass(frozen=True)
class Peer:
    name: str
    settings: str
    """How it is set up, in a sentence."""
    command: list[str]
    """Starts its server; ``{port}`` is where it has to listen."""
    paths: dict[str, str]
    """By question, and ``csv`` where it has one."""
    row: str
    """A pattern that is once in the page for each row."""
    further: str = ""
    """A pattern whose group is where a search goes on that has not come to its end."""
    environ: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()


@dataclass(frozen=True)
class Answer:
    seconds: float
    bytes: int
    text: str
    """The beginning, as far as it was kept."""


@dataclass(frozen=True)
class Asked:
    seconds: float
    rows: int
    steps: int
    """How many answers it took."""


class Server:
    """The running server of a peer."""

    def __init__(self, peer: Peer, log: Path) -> None:
        self.peer = peer
        self.port = free_port()
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [part.format(port=self.port) for part in peer.command],
                cwd=peer.folder,
                env=os.environ | peer.environ,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def get(self, path: str, seconds: float, keep: int = 4_000_000) -> Answer:
        """One GET, until the last byte.

        Raises:
            TooSlow: it took longer than ``seconds``.
        """
        if seconds <= 0:
            raise TooSlow
        started = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path, headers=self.peer.headers)
            answer = connection.getresponse()
            kept, size = bytearray(), 0
            while chunk := answer.read(1 << 20):
                size += len(chunk)
                kept += chunk[: max(0, keep - len(kept))]
                if time.perf_counter() - started > seconds:
                    raise TooSlow
        except TimeoutError:
            raise TooSlow from None
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{self.peer.name}: {path} is {answer.status} {bytes(kept[:300])!r}")
        return Answer(time.perf_counter() - started, size, kept.decode(errors="replace"))

    def ask(self, question: str, seconds: float) -> Asked:
        """The whole answer to a question, going on with a search until it has come to its end."""
        path, spent, rows, steps = self.peer.paths[question], 0.0, 0, 0
        while path and rows < ROWS:
            answer = self.get(path, seconds - spent)
            spent += answer.seconds
            rows += len(re.findall(self.peer.row, answer.text))
            steps += 1
            further = self.peer.further and re.search(self.peer.further, answer.text)
            path = html.unescape(further[1]) if further else ""
        return Asked(spent, rows, steps)

    def memory(self) -> int:
        """Bytes that its processes hold (RSS)."""
        pids = [self._process.pid, *_children(self._process.pid)]
        return sum(_resident(pid) for pid in pids)

    def await_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.get(self.peer.paths[QUESTIONS[0]], START_SECONDS)
            except (OSError, HTTPException):
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"{self.peer.name} does not start; its log says why")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        for pid in (self._process.pid, *_children(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def serving(peer: Peer, log: Path) -> Iterator[Server]:
    server = Server(peer, log)
    try:
        server.await_answer()
        yield server
    finally:
        server.stop()


def _children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except FileNotFoundError:
        return []


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
