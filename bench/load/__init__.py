"""Mixed load on an installation as it is deployed, for minutes or hours: applications that send,
admins who read, files that are made; and, if asked, each part restarted in turn under it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench.dataset import bench_dir
from bench.load import report
from bench.load.exporting import Exporter
from bench.load.people import Admin
from bench.load.place import Place, place
from bench.load.proof import proof
from bench.load.records import Records
from bench.load.report import Restarted
from bench.load.senders import BATCH, PER_SECOND, SENDERS, Sender
from bench.load.topology import Topology, running
from bench.load.watch import Watch
from bench.tables import Table
from tests.support.smtp import mail_server
from tests.support.workers import PATIENCE_SECONDS

JOIN_SECONDS = 300
SETTLED_SECONDS = 15
"""For so long after a part works again, what fails is counted against its restart."""

APART_SECONDS = 5
"""Between the end of that and the next restart, so that none is blamed for another's."""


def measure(
    events: int, share: float, *, minutes: float, restart: bool = False, given: bool = False
) -> list[Table]:
    """The tables of one load; ``given`` uses the servers that the environment names."""
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-load-"))
    try:
        with place(events, share, given=given) as here:
            return _measured(here, folder, minutes, restart)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(here: Place, folder: Path, minutes: float, restart: bool) -> list[Table]:
    records, over = Records(), threading.Event()
    with mail_server(folder / "mail") as mail, running(here, folder, mail.url) as topology:
        port = topology.port
        senders = [Sender(n, here.keys, port, records, over) for n in range(SENDERS)]
        admins = [Admin(n, email, port, records, over) for n, email in enumerate(here.admins)]
        exporter = Exporter(here.admins[0], port, records, over)
        watch = Watch(topology.memory, over)
        threads = [*senders, *admins, exporter, watch]
        for thread in threads:
            thread.start()
        restarted = _hold(topology, minutes, restart)
        over.set()
        for thread in threads:
            thread.join(JOIN_SECONDS)
        stuck = [thread.name for thread in threads if thread.is_alive()]
    _keep_logs(folder)
    notes = [
        (
            f"{PER_SECOND} events/s in batches of {BATCH} over HTTP into {len(here.workspaces)}"
            f" workspaces that held {here.events:,}; {len(admins)} admins, 2 to 6 s between actions"
            ", who load what the page loads by itself; production settings, gunicorn, quick and"
            " heavy worker, beat, PostgreSQL and Redis on one machine, and the load beside them."
        )
    ]
    notes += [f"{name} did not end." for name in stuck]
    notes += [f"{admin.name} never got in." for admin in admins if not admin.is_in]
    tables = [
        report.answers(records, minutes, notes),
        watch.table(),
        report.exports(exporter.files, exporter.not_taken),
        proof(here, senders, minutes),
    ]
    if restarted:
        tables[1].notes.append("A part that was restarted began anew, so nothing here is flat.")
        tables.append(report.restarts(records, exporter.files, restarted))
    return tables


def _hold(topology: Topology, minutes: float, restart: bool) -> list[Restarted]:
    """Let the load last; the restarts are spread over it."""
    began = time.monotonic()
    ends = began + minutes * 60
    done: list[Restarted] = []
    if restart:
        parts = topology.restarts()
        for number, (part, again) in enumerate(parts.items(), 1):
            _wait_until(began + minutes * 60 * number / (len(parts) + 1))
            at = time.monotonic()
            late = _in_time(again)
            worked = time.monotonic()
            done.append(Restarted(part + late, at, worked, worked + SETTLED_SECONDS))
            print(f"  {part}{late} restarted in {worked - at:.1f} s", flush=True)
            _wait_until(worked + SETTLED_SECONDS + APART_SECONDS)
    _wait_until(ends)
    return done


def _in_time(restart: Callable[[], None]) -> str:
    """What to say where a part was not back in time; the load goes on then."""
    try:
        restart()
    except (AssertionError, subprocess.TimeoutExpired):
        return f" (not back in {PATIENCE_SECONDS} s)"
    return ""


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _keep_logs(folder: Path) -> None:
    """The last load's own words, for whoever asks why something failed."""
    kept = bench_dir() / "load-logs"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for log in folder.glob("*.log"):
        shutil.copy(log, kept)
