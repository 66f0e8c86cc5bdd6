"""Asking for a file of the dataset and building it in a process of its own, as a worker's child.

``python -m bench.exporting EXPORT-ID`` builds; what it took is printed as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events
from auditsaas.events.reading.scans.source import source
from auditsaas.exports.asking.request import ExportRequest, request_export
from auditsaas.exports.building.build import export_job
from auditsaas.exports.formats import format_called
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from bench.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Built:
    rows: int
    seconds: float
    bytes: int
    idle_mb: float
    """What the process held before it began."""
    peak_mb: float

    @property
    def above_idle_mb(self) -> float:
        return self.peak_mb - self.idle_mb


def built(dataset: Dataset, format: str, rows: int | None = None) -> Built:
    """A file of the newest ``rows`` events, or of all, by a new process."""
    export_id = _request(dataset, format, rows)
    return Built(**run_apart(dataset, "bench.exporting", str(export_id)))  # type: ignore[arg-type]


def run_apart(dataset: Dataset, module: str, *arguments: str) -> dict[str, float]:
    """What a module printed last as JSON, run in a process that knows the dataset."""
    settings = dataset.app.extensions["settings"]
    environ = os.environ | {
        "DATABASE_URL": settings.database_url,
        "PLATFORM_DATABASE_URL": settings.platform_database_url,
        "MIGRATION_DATABASE_URL": settings.owner_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "STORAGE_URL": settings.storage_url,
    }
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environ,
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def newest(dataset: Dataset, rows: int) -> EventFilter:
    """A filter that matches the newest ``rows`` events, where no two share an instant."""
    with dataset.app.app_context():
        session = tenancy.bind(Scope.of(dataset.big))
        logs = source(session, [dataset.big], EventFilter())
        statement = logs.ordered([events.c.occurred_at])
        oldest: datetime | None = session.scalar(statement.offset(rows - 1).limit(1))
        session.rollback()
    return EventFilter().with_period(TimeRange(oldest, None))


def peak_mb() -> float:
    """The most memory that this process ever held; ``ru_maxrss`` would count its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _request(dataset: Dataset, format: str, rows: int | None) -> UUID:
    event_filter = EventFilter() if rows is None else newest(dataset, rows)
    with dataset.app.app_context():
        session = tenancy.bind(Scope.of(dataset.big, user=dataset.user))
        person = session.get(User, dataset.user)
        assert person is not None
        export = request_export(
            session,
            ExportRequest(
                requester=Requester(person=person, roles={dataset.big: "admin"}),
                workspaces=[dataset.big],
                format=format_called(format),
                event_filter=event_filter,
                zone=ZoneInfo("UTC"),
            ),
        )
        session.commit()
        return export.id


def _build_here(export_id: UUID) -> None:
    app = create_app(statement_timeout_ms=0)
    with app.app_context():
        idle = peak_mb()
        started = time.perf_counter()
        run(export_job(storage_at(app.extensions["settings"].storage_url)), export_id)
        seconds = time.perf_counter() - started
        with platform_session(JOBS) as session:
            wanted = select(Export.state, Export.error, Export.rows_done, Export.bytes)
            state, error, rows, size = session.execute(wanted.where(Export.id == export_id)).one()
        assert state == "ready", error
    found = Built(rows=rows, seconds=seconds, bytes=size or 0, idle_mb=idle, peak_mb=peak_mb())
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    _build_here(UUID(sys.argv[1]))
