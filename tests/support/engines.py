"""Engines of a test's own, which it may freeze, and what is in flight meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config import embedded
from config.engines.pids import live_pid


@contextmanager
def data_folder() -> Iterator[Path]:
    """A data folder whose engines no other test uses; both are stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-frozen-"))
    try:
        yield folder
    finally:
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def redis_processes(folder: Path) -> list[int]:
    pid = live_pid(folder / "redis" / "redis.pid")
    assert pid is not None
    return [pid]


@contextmanager
def frozen(processes: list[int]) -> Iterator[None]:
    """Stop the processes where they are, and let them go on afterwards."""
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def in_flight(number: int, act: Callable[[], None]) -> Iterator[None]:
    """Act over and over in so many threads, each at least once within the block."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            act()

    threads = [threading.Thread(target=repeat) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def postgres_processes(folder: Path) -> list[int]:
    """The postmaster first, so that it starts no other while the rest are stopped."""
    pid = live_pid(folder / "postgres" / "postmaster.pid")
    assert pid is not None
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]
