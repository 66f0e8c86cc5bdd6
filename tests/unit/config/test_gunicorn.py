"""What gunicorn's master does with the figures of its workers."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

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
