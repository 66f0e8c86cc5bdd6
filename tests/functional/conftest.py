"""What the journeys share: one worker for the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from tests.workers import WorkerProcess


@pytest.fixture(scope="session")
def worker_process(settings: Settings, data_dir: Path) -> Iterator[WorkerProcess]:
    made = WorkerProcess(settings, data_dir / "worker.log")
    yield made
    made.stop()


@pytest.fixture
def worker(worker_process: WorkerProcess) -> WorkerProcess:
    """A worker that takes tasks, also when an earlier test has killed it."""
    worker_process.start()
    return worker_process
