"""A file of everything: how long it takes, and what memory it takes beside."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from statistics import median

from bench.dataset import Dataset
from bench.machine import free_bytes
from bench.peers.peer import Server, TooSlow
from tests.support.serving import environment

RUNS = 3
ENOUGH_SECONDS = 60
"""It is made again until so much time is spent, and at most ``RUNS`` times."""

MEMORY_SHARE = 0.6
"""Of the machine's free memory; a server that takes more is stopped, for it would take all."""


@dataclass(frozen=True)
class File:
    seconds: float | None
    bytes: int
    memory: float
    """MB above idle at most."""
    gave_up: str = ""
    """Why there is no file."""


def by_server(server: Server, seconds: float) -> File:
    """The medians of some runs of a peer's download."""
    idle, size = server.memory(), 0
    times: list[float] = []
    with _watched(server, limit=int(free_bytes() * MEMORY_SHARE)) as peak:
        try:
            while len(times) < RUNS and sum(times) < ENOUGH_SECONDS:
                answer = server.get(server.peer.paths["csv"], seconds, keep=0)
                times.append(answer.seconds)
                size = answer.bytes
        except TooSlow:
            return File(None, 0, (peak.bytes - idle) / 1e6, f"> {seconds:g} s")
        except (OSError, HTTPException):
            if not peak.stopped:
                raise
            return File(None, 0, (peak.bytes - idle) / 1e6, "stopped: too much memory")
    return File(median(times), size, (peak.bytes - idle) / 1e6)


@dataclass
class _Peak:
    bytes: int = 0
    stopped: bool = False


@contextmanager
def _watched(server: Server, limit: int) -> Iterator[_Peak]:
    """The most memory that a server holds meanwhile, looked at twenty times a second."""
    over, peak = threading.Event(), _Peak(server.memory())

    def look() -> None:
        while not over.wait(0.05):
            peak.bytes = max(peak.bytes, server.memory())
            if peak.bytes > limit and not peak.stopped:
                peak.stopped = True
                server.kill()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def by_product(data: Dataset, seconds: float) -> File:
    """By the command that writes a file, whose memory at rest is that of another command."""
    times: list[float] = []
    most = 0.0
    idle = _command(data, ["workspace", "--help"], seconds)[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.csv"
        export = ["export", data.big_slug, "--format", "csv", "--output", str(file)]
        while len(times) < RUNS and sum(times) < ENOUGH_SECONDS:
            taken, peak = _command(data, export, seconds)
            times.append(taken)
            most = max(most, (peak - idle) / 1e6)
        return File(median(times), file.stat().st_size, most)


MEASURED = (
    "import sys, resource; from auditsaas.cli import main\n"
    "try: main()\n"
    "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)"
)


def _command(data: Dataset, words: list[str], seconds: float) -> tuple[float, int]:
    """The seconds that a command of the product takes, and its peak memory in bytes."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        env=os.environ | environment(data.settings),
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return time.perf_counter() - started, int(done.stderr.splitlines()[-1])
