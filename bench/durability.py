"""What 201 promises, under fire: PostgreSQL stopped at once and web workers killed while four
writers send events and retry what was not answered.

Every acknowledged event must be there afterwards, once, and the sequence without a gap. The control
is the same with ``synchronous_commit=off``, which must lose some; if it does not, the faults were
too soft to prove anything.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from bench import engines
from bench.installation import installation, open_workspaces
from bench.tables import Table
from config import embedded
from config.settings import Settings
from tests.support.serving import WebProcess

WRITERS = 4
BATCH = 10
RETRY_SECONDS = 0.1
BETWEEN_FAULTS = (0.3, 1.2)
SEED = 20261123


@dataclass
class Sent:
    """What one writer sent and was told; events are named by their keys."""

    number: int
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Key → the id that was answered."""
    attempts: int = 0

    def batch(self) -> list[dict[str, object]]:
        occurred_at = datetime.now(UTC).isoformat()
        first = len(self.acknowledged)
        return [
            {
                "activity": "durability.check",
                "status": "success",
                "actor": {"id": f"writer-{self.number}"},
                "occurred_at": occurred_at,
                "idempotency_key": f"{self.number}-{first + n}",
            }
            for n in range(BATCH)
        ]


@dataclass(frozen=True)
class Findings:
    """What was in the log in the end, beside what had been promised."""

    acknowledged: int
    attempts: int
    lost: int
    doubled: int
    unasked: int
    """Events that nobody was told of; a retry would have found them."""
    gaps: int
    counted: bool
    """Whether the hourly counts add up to the events."""

    @property
    def kept(self) -> bool:
        return not (self.lost or self.doubled or self.unasked or self.gaps) and self.counted


class Trial:
    """A server of its own, under load."""

    def __init__(self, settings: Settings, *, synchronous_commit: bool = True) -> None:
        self._folder = settings.data_dir
        self.settings = settings
        [opened] = open_workspaces(settings)
        self.workspace, self._key = opened.workspace, opened.key
        if not synchronous_commit:
            self._promise_nothing()
        self.web = WebProcess(settings, self._folder / "web.log")
        self.web.start()
        self._sent = [Sent(number) for number in range(WRITERS)]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(s,)) for s in self._sent]

    def run(self, faults: list[Callable[[], None]], chance: random.Random) -> Findings:
        """Load the server, let each fault happen after a while, and look at what is left."""
        for thread in self._threads:
            thread.start()
        for fault in faults:
            self._over.wait(chance.uniform(*BETWEEN_FAULTS))
            fault()
        self._over.wait(1)
        self._over.set()
        for thread in self._threads:
            thread.join()
        return self._findings()

    def stop_database_at_once(self) -> None:
        engines.stop_postgres_at_once(self._folder)
        embedded.start_postgres(self._folder)

    def kill_a_web_worker(self, chance: random.Random) -> None:
        os.kill(chance.choice(self.web.workers()), signal.SIGKILL)

    def close(self) -> None:
        self._over.set()
        self.web.stop()

    def _promise_nothing(self) -> None:
        """Answer before the log is flushed, which is what the control is for."""
        role = sql.Identifier(str(make_url(self.settings.database_url).username))
        with engines.superuser(self.settings) as connection:
            connection.execute(sql.SQL("ALTER ROLE {} SET synchronous_commit = off").format(role))

    def _write(self, sent: Sent) -> None:
        while not self._over.is_set():
            batch = sent.batch()
            body = json.dumps({"events": batch}).encode()
            ids = None
            while ids is None:
                sent.attempts += 1
                ids = self._posted(body)
                if ids is None:
                    time.sleep(RETRY_SECONDS)
            keys = (str(event["idempotency_key"]) for event in batch)
            sent.acknowledged.update(zip(keys, ids, strict=True))

    def _posted(self, body: bytes) -> list[str] | None:
        """The ids of a batch that was accepted or was there already; None to try again."""
        connection = http.client.HTTPConnection(*self.web.address, timeout=20)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/api/v1/events", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if answer.status in (200, 201):
            ids: list[str] = json.loads(text)["ids"]
            return ids
        if answer.status in (429, 503):
            return None
        raise RuntimeError(f"{answer.status} {text[:300]!r}")

    def _findings(self) -> Findings:
        with engines.superuser(self.settings) as connection:
            stored = dict(_rows(connection, "SELECT idempotency_key, count(*) FROM events"))
            ids = dict(_rows(connection, "SELECT idempotency_key, min(id::text) FROM events"))
            last, gaps, counted = connection.execute(
                "SELECT (SELECT seq FROM log_heads WHERE workspace_id = %(w)s),"
                " (SELECT max(seq) - count(DISTINCT seq) FROM events WHERE workspace_id = %(w)s),"
                " (SELECT sum(n) FROM event_counts WHERE workspace_id = %(w)s)",
                {"w": self.workspace},
            ).fetchone() or (0, 0, 0)
        told = {key: id_ for sent in self._sent for key, id_ in sent.acknowledged.items()}
        return Findings(
            acknowledged=len(told),
            attempts=sum(sent.attempts for sent in self._sent),
            lost=sum(1 for key, id_ in told.items() if ids.get(key) != id_),
            doubled=sum(1 for count in stored.values() if count != 1),
            unasked=len(stored.keys() - told.keys()),
            gaps=int(str(gaps or 0)),
            counted=last == counted == sum(map(int, map(str, stored.values()))),
        )


def _rows(
    connection: psycopg.Connection[tuple[object, ...]], select: str
) -> Iterator[tuple[str, object]]:
    for key, value in connection.execute(
        f"{select} WHERE idempotency_key IS NOT NULL GROUP BY idempotency_key"
    ):
        yield str(key), value


@contextmanager
def trial(*, synchronous_commit: bool = True) -> Iterator[Trial]:
    with installation("durability") as settings:
        made = Trial(settings, synchronous_commit=synchronous_commit)
        try:
            yield made
        finally:
            made.close()


def under_fire(stops: int, kills: int, *, synchronous_commit: bool = True) -> Findings:
    """``stops`` of the database and ``kills`` of web workers, in an order of chance."""
    chance = random.Random(SEED)
    with trial(synchronous_commit=synchronous_commit) as made:
        faults: list[Callable[[], None]] = [made.stop_database_at_once] * stops
        faults += [lambda: made.kill_a_web_worker(chance)] * kills
        chance.shuffle(faults)
        return made.run(faults, chance)


def measure(stops: int = 25, kills: int = 25) -> Table:
    table = Table(
        f"Durability: {stops} immediate stops of PostgreSQL, {kills} kills of web workers,"
        f" {WRITERS} writers",
        ["", "acknowledged", "attempts", "lost", "doubled", "gaps in seq", "counts agree"],
    )
    for name, found in (
        ("as shipped", under_fire(stops, kills)),
        (
            "control: synchronous_commit=off",
            under_fire(stops, kills, synchronous_commit=False),
        ),
    ):
        table.add(
            name,
            f"{found.acknowledged:,}",
            f"{found.attempts:,}",
            f"{found.lost:,}",
            f"{found.doubled:,}",
            f"{found.gaps:,}",
            "yes" if found.counted else "no",
        )
    return table


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:])))
