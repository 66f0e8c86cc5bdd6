"""What gunicorn's master does with the figures of its workers."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.workers import ROOT


def test_ended_workers_pools_are_forgotten_and_its_counts_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    kept = {"counter_71.db", "gauge_livesum_7.db", "histogram_71.db"}
    for name in (*kept, "gauge_livesum_71.db"):
        (tmp_path / name).touch()
    runpy.run_path(str(ROOT / "config" / "gunicorn.py"))["child_exit"](
        None, SimpleNamespace(pid=71)
    )
    assert {file.name for file in tmp_path.iterdir()} == kept


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    return runpy.run_path(str(ROOT / "config" / "gunicorn.py"))


def test_figures_are_kept_in_memory_until_the_master_ends(
    hooks: dict[str, Any],
) -> None:
    """A worker that counts in a mapped file is ended where that file's disk is full."""
    hooks["on_starting"](None)
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    assert folder.is_dir()
    assert folder.parent == Path("/dev/shm")
    hooks["on_exit"](None)
    assert not folder.exists()


def test_figures_are_kept_in_the_data_folder_where_memory_has_none(
    tmp_path: Path, hooks: dict[str, Any]
) -> None:
    hooks["on_starting"].__globals__["_memory"] = tmp_path / "none"
    hooks["on_starting"](None)
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    assert folder.parent == tmp_path / "data" / "run"
    assert folder.is_dir()


ARENAS_OF_THREADS = """
import ctypes, os, runpy, sys, threading
if sys.argv[1] == "shared":
    runpy.run_path("config/gunicorn.py")["_share_arenas"]()
libc, here = ctypes.CDLL(None), threading.Barrier(9)
libc.malloc.restype = libc.fdopen.restype = ctypes.c_void_p

def use():
    libc.malloc(100_000)
    here.wait()
    here.wait()

for _ in range(8):
    threading.Thread(target=use, daemon=True).start()
here.wait()
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
os._exit(0)
"""


def arenas(kind: str) -> int:
    """How many arenas eight threads of a process use."""
    run = subprocess.run(
        [sys.executable, "-c", ARENAS_OF_THREADS, kind],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.count("<heap nr=")


def test_threads_of_a_worker_share_arenas() -> None:
    assert arenas("shared") <= 2 < arenas("own")
