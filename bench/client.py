"""``python -m bench.client --events N``: the Python client while its server is killed again and
again, and while the network loses answers.

Every event that was recorded must be in the log afterwards, once. The controls must fail: without
idempotency keys a lost answer doubles events, and without a folder an application that ends while
the server is away loses them.
"""

from __future__ import annotations

import argparse
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from unittest.mock import patch

from auditsaas_client import AuditLog
from sqlalchemy import select

from auditsaas.cli_session import open_session, workspace_called
from auditsaas.events.models import events
from bench.installation import Opened, installation, open_workspaces
from bench.tables import Table
from config.settings import Settings
from tests.sdk.cutting import network
from tests.support.serving import WebProcess

RESTARTS = 20
CUT_EVERY = 10
"""Of so many answers one is lost on the way."""
LONGEST_LULL = 0.5
FLUSH_SECONDS = 300
SEED = 20261123


@dataclass(frozen=True)
class Findings:
    """What was in the log in the end, beside what had been recorded."""

    recorded: int
    lost: int
    doubled: int
    answers_lost: int
    seconds: float
    calls_ms: list[float]
    """How long each ``record`` took."""


class Place:
    """A server and a workspace of its own for each trial."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.server = WebProcess(settings, settings.data_dir / "web.log")
        self.server.start()

    @contextmanager
    def workspace(self) -> Iterator[tuple[Opened, Path]]:
        """A fresh workspace, and a folder for what the client keeps."""
        [opened] = open_workspaces(self.settings)
        yield opened, self.settings.data_dir / f"spill-{opened.slug}"

    def stored(self, opened: Opened) -> list[str]:
        with open_session(self.settings) as session:
            workspace_called(session, opened.slug)
            return list(session.scalars(select(events.c.request_id)))


def through_restarts(
    place: Place,
    count: int,
    restarts: int,
    *,
    cut_every: int = CUT_EVERY,
    has_keys: bool = True,
) -> Findings:
    """Record while the server is killed and started again, and every few answers are lost."""
    made = patch("auditsaas_client.events.new_idempotency_key", lambda: None)
    with (
        place.workspace() as (opened, folder),
        network(place.server.address, cut_every=cut_every) as cutting,
    ):
        began = time.perf_counter()
        log = AuditLog(cutting.url, opened.key, spill=folder)
        if not has_keys:
            made.start()
        try:
            calls = _record(log, count, lambda: _killed(place.server, restarts))
        finally:
            patch.stopall()
        if not log.flush(FLUSH_SECONDS):
            raise SystemExit(f"not delivered in {FLUSH_SECONDS} s: {log.counts()}")
        seconds = time.perf_counter() - began
        log.close()
        return _findings(place, opened, count, cutting.cut, seconds, calls)


def through_an_end(place: Place, count: int, *, has_folder: bool) -> Findings:
    """Record while the server is away, end, and come back once it answers again."""
    with place.workspace() as (opened, folder):
        began = time.perf_counter()
        url, spill = place.server.url, folder if has_folder else None
        place.server.kill()
        before = AuditLog(url, opened.key, spill=spill, queue_size=count)
        calls = _record(before, count, lambda: None)
        before.close(timeout=0.5)
        place.server.start()
        after = AuditLog(url, opened.key, spill=spill)
        while spill is not None and any(spill.glob("*.spill")):
            time.sleep(0.1)
        after.close()
        return _findings(place, opened, count, 0, time.perf_counter() - began, calls)


def _killed(server: WebProcess, restarts: int) -> None:
    chance = random.Random(SEED)
    for _ in range(restarts):
        time.sleep(chance.uniform(0, LONGEST_LULL))
        server.kill()
        time.sleep(chance.uniform(0, LONGEST_LULL))
        server.start()


def _record(log: AuditLog, count: int, meanwhile: Callable[[], None]) -> list[float]:
    """Record ``count`` events, at least as long as something else goes on; ms of each call."""
    other = threading.Thread(target=meanwhile)
    other.start()
    calls = []
    for number in range(count):
        began = time.perf_counter()
        log.record("client.check", "success", "u_1", request_id=str(number))
        calls.append((time.perf_counter() - began) * 1000)
        # The last tenth waits for the last fault, so that no fault is without load.
        if number == count * 9 // 10:
            other.join()
        elif other.is_alive() and number % 500 == 499:
            time.sleep(0.1)
    other.join()
    return calls


def _findings(
    place: Place, opened: Opened, count: int, cut: int, seconds: float, calls: list[float]
) -> Findings:
    stored = place.stored(opened)
    numbers = {number for number in stored if number is not None}
    return Findings(
        count, count - len(numbers), len(stored) - len(set(stored)), cut, seconds, calls
    )


def measure(count: int = 100_000, restarts: int = RESTARTS) -> Table:
    table = Table(
        f"The client: {restarts} kills of its server, every {CUT_EVERY}th answer lost",
        ["", "recorded", "answers lost", "lost", "doubled", "seconds", "record(), ms p50 / p99"],
    )
    # What the client says of a server that is away is what is wanted here.
    logging.getLogger("auditsaas_client").setLevel(logging.CRITICAL)
    with installation("client") as settings:
        place = Place(settings)
        few = count // 10
        try:
            for name, run in (
                ("as shipped", lambda: through_restarts(place, count, restarts)),
                (
                    "control: no keys",
                    lambda: through_restarts(place, few, 1, cut_every=2, has_keys=False),
                ),
                ("application ends, spill", lambda: through_an_end(place, few, has_folder=True)),
                ("control: no spill", lambda: through_an_end(place, few, has_folder=False)),
            ):
                _add(table, name, run())
        finally:
            place.server.kill()
    return table


def _add(table: Table, name: str, found: Findings) -> None:
    cuts = quantiles(found.calls_ms, n=100)
    table.add(
        name,
        f"{found.recorded:,}",
        f"{found.answers_lost:,}",
        f"{found.lost:,}",
        f"{found.doubled:,}",
        f"{found.seconds:.1f}",
        f"{cuts[49]:.3f} / {cuts[98]:.3f}",
    )


if __name__ == "__main__":
    words = argparse.ArgumentParser(prog="python -m bench.client", description=__doc__)
    words.add_argument("--events", type=int, default=100_000)
    words.add_argument("--restarts", type=int, default=RESTARTS)
    given = words.parse_args()
    print(measure(given.events, given.restarts))
