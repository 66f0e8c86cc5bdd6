"""Two hostile uploads: another workspace's small file is made as soon as when nothing else runs.

The uploads are of two workspaces and as large as is allowed to matter: lines that once kept an
importer busy for hours, and very many that are events. The worker is the demo's, of two processes
for all queues. The control is a worker that gives long jobs every process.
"""

from __future__ import annotations

import gzip
import io
import statistics
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from uuid import UUID

from auditsaas.accounts.models import User
from auditsaas.exports.kind import EXPORTS
from auditsaas.imports import service
from auditsaas.imports.kind import IMPORTS
from auditsaas.jobs.turns import send_in_turn
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from bench.faults.installation import Installation, installation
from bench.faults.verdict import Verdict
from tests.support import factories
from tests.support.exporting import ask, row_of
from tests.support.importing import import_row
from tests.support.workers import eventually

MOST = 2.0
"""Times the quiet figure."""
TRIES = 5
EVENTS = 4_000
LINES = 150_000
WORKER = ("worker", "--queues", "quick,heavy,imports", "--concurrency", "2", "--loglevel", "INFO")
_FIELDS = '192.0.2.1 | https | o@x | ann | 2026-11-20 00:00:00,000 | "GET /{} HTTP/1.1" | {}'
_END = " | 200 | 1 | 2 | - | 3 | s\n"


def hostile_file() -> bytes:
    """Pack lines of Bitbucket: one that was quadratic, and many that are events."""
    slow = _FIELDS.format("slow", '"' + '" "' * 60_000 + "x") + _END
    good = (_FIELDS.format(number, '"" "git/2"') + _END for number in range(LINES))
    return gzip.compress("".join([*good, slow]).encode(), 1)


@dataclass(frozen=True)
class Found:
    """Seconds until a CSV was ready, without and during the uploads."""

    quiet: float
    during: float
    under_way: bool
    """Whether an upload was still being imported when the last CSV was ready."""

    @property
    def ratio(self) -> float:
        return self.during / self.quiet


def two_hostile_uploads() -> Verdict:
    fair, careless = _measured("celery"), _measured("bench.faults.hostile")
    return Verdict(
        "hostile imports",
        f"two uploads of {LINES:,} lines, of two workspaces, a worker of two processes",
        f"another's CSV of {EVENTS:,} rows: {fair.quiet:.2f} s alone, {fair.during:.2f} s during"
        f" ({fair.ratio:.1f} ×)",
        "" if fair.ratio <= MOST else f"{fair.ratio:.1f} × of quiet",
        f"where long jobs may have every process: {careless.ratio:.1f} ×",
        passed=fair.ratio <= MOST and fair.under_way and careless.ratio > MOST,
    )


def _measured(program: str) -> Found:
    with installation() as made:
        words = ("--quiet", "--app", "tasks.worker") if program == "celery" else ()
        made._run("worker", "-m", program, *words, *WORKER)
        log = made.folder / "worker.log"
        eventually(lambda: b"ready." in log.read_bytes(), "a worker")
        with made.app.app_context():
            return _trial(made)


def _trial(made: Installation) -> Found:
    reader = factories.make_workspace("Quiet")
    person = factories.make_member(reader)
    for _ in range(EVENTS // 1000):
        factories.append_events(reader, [factories.event_input() for _ in range(1000)])
    _seconds_for(made, person, reader)  # loads what the first file needs
    quiet = statistics.median(_seconds_for(made, person, reader) for _ in range(TRIES))
    file = hostile_file()
    uploads = [_upload(made, file) for _ in range(2)]
    eventually(lambda: "running" in _states(made, uploads), "an import")
    during = [_seconds_for(made, person, reader) for _ in range(TRIES)]
    return Found(quiet, statistics.median(during), "running" in _states(made, uploads))


def _upload(made: Installation, file: bytes) -> UUID:
    workspace = factories.make_workspace("Hostile")
    person = factories.make_member(workspace)
    with factories.scoped(workspace.id, user=person.id) as session:
        asked = service.request(
            session,
            storage_at(made.settings.storage_url),
            workspace_id=workspace.id,
            person_id=person.id,
            name="access.log.gz",
            content=io.BytesIO(file),
            format="bitbucket",
            time_zone="UTC",
        )
        session.commit()
        send_in_turn(IMPORTS, asked)
        return asked.id


def _seconds_for(made: Installation, person: User, workspace: Workspace) -> float:
    export_id = ask(person, [workspace])
    began = time.monotonic()
    send_in_turn(EXPORTS, row_of(made.app, export_id))
    while row_of(made.app, export_id).state != "ready":
        if time.monotonic() - began > 60:
            break
        time.sleep(0.02)
    return time.monotonic() - began


def _states(made: Installation, imports: list[UUID]) -> list[str]:
    return [import_row(made.app, each).state for each in imports]


def main() -> None:
    """Run a worker that gives long jobs every process: the control."""
    from celery.bin.celery import main as celery

    from tasks import jobs

    jobs.held_place = lambda queue: nullcontext(True)  # as it is called
    sys.argv = ["celery", "--quiet", "--app", "tasks.worker", *sys.argv[1:]]
    celery()


if __name__ == "__main__":
    main()
