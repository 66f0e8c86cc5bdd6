"""Files with their proof: built beside the same without one, and checked as a stranger does."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.evidence.bundles.readme import VERIFIER
from auditsaas.evidence.tree.growing import grow
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.exports.asking.request import ExportRequest, request_export
from auditsaas.exports.building.build import export_job
from auditsaas.exports.formats import format_called
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.jobs.runner import run
from auditsaas.storage.local import LocalStorage
from bench.dataset import Dataset
from bench.tables import Table

ASKED = {
    "every event": ("jsonl", EventFilter()),
    "every event, as CSV": ("csv", EventFilter()),
    "status=error": ("jsonl", EventFilter(status=("error",))),
    "ip=203.0.113.0/24": ("jsonl", EventFilter(ip=("203.0.113.0/24",))),
}


@dataclass(frozen=True)
class Checked:
    """The proof of one file: its size, and what checking both took."""

    bytes: int
    numbers: int
    seconds: float
    cpu: float
    """Seconds of a core, which other work on the machine does not lengthen."""
    code: int


def measure(dataset: Dataset) -> Table:
    """Build and check files of the biggest log of the dataset."""
    _seal(dataset)
    table = Table(
        f"Files of a log of {dataset.in_big:,} events with their proof",
        [
            *("filter", "rows", "numbers", "built without, s", "with, s", "proof"),
            *("bytes a number", "checked in, s", "of a core, s", "exit code"),
        ],
    )
    for words, (name, event_filter) in ASKED.items():
        with tempfile.TemporaryDirectory() as folder:
            plain, _ = _built(dataset, name, event_filter, Path(folder), proof=False)
            seconds, row = _built(dataset, name, event_filter, Path(folder), proof=True)
            found = _checked(Path(folder) / row.bundle_key)
        table.add(
            *(words, f"{row.rows_done:,}", f"{found.numbers:,}", f"{plain:.1f}", f"{seconds:.1f}"),
            *(f"{found.bytes / 1e6:.1f} MB", f"{found.bytes / found.numbers:.0f}"),
            *(f"{found.seconds:.1f}", f"{found.cpu:.1f}"),
            str(found.code),
        )
    return table


def _seal(dataset: Dataset) -> None:
    with dataset.app.app_context():
        ring = Keyring.of(dataset.settings)
        while (grown := grow(dataset.big, ring, at_once=True)) is not None and grown.behind:
            pass


def _built(
    dataset: Dataset, format: str, event_filter: EventFilter, folder: Path, *, proof: bool
) -> tuple[float, Any]:
    """Ask for a file and build it here; return the seconds of the build, and the export."""
    export_id = _asked(dataset, format, event_filter, proof=proof)
    _seal(dataset)
    with dataset.app.app_context():
        began = time.perf_counter()
        run(export_job(LocalStorage(folder)), export_id)
        seconds = time.perf_counter() - began
        with platform_session(JOBS) as session:
            row = session.execute(
                select(Export.state, Export.error, Export.rows_done, Export.bundle_key).where(
                    Export.id == export_id
                )
            ).one()
    assert row.state == "ready", row.error
    return seconds, row


def _asked(dataset: Dataset, format: str, event_filter: EventFilter, *, proof: bool) -> UUID:
    with dataset.app.app_context():
        session = tenancy.bind(Scope.of(dataset.big, user=dataset.user))
        person = session.get_one(User, dataset.user)
        asked = ExportRequest(
            requester=Requester(person=person, roles={dataset.big: "admin"}),
            workspaces=[dataset.big],
            format=format_called(format),
            event_filter=event_filter,
            zone=ZoneInfo("UTC"),
            proof=proof,
        )
        export = request_export(session, asked)
        session.commit()
        return export.id


def _checked(archive: Path) -> Checked:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(archive.parent)
        inside = archive.parent / packed.namelist()[0].partition("/")[0]
    files = ["audit-logs.jsonl", "audit-logs.proof.gz", "KEY.txt"]
    began, before = time.perf_counter(), _cpu_of_children()
    done = subprocess.run(
        [sys.executable, str(VERIFIER), *files], cwd=inside, capture_output=True, check=False
    )
    seconds = time.perf_counter() - began
    proof = inside / "audit-logs.proof.gz"
    cpu = _cpu_of_children() - before
    return Checked(proof.stat().st_size, _numbers(proof), seconds, cpu, done.returncode)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _numbers(proof: Path) -> int:
    with gzip.open(proof) as lines:
        return sum(1 for _ in lines) - 1
