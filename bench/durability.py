"""What 201 promises, under fire: PostgreSQL stopped at once and web workers killed while four
writers send events and retry what was not answered.

Every acknowledged event must be there afterwards, once, and the sequence without a gap. The control
is the same with ``synchronous_commit=off``, which must lose some; if it does not, the faults were
too soft to prove anything.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg import sql
from sqlalchemy import make_url

from bench import engines
from bench.delivery import Findings, Senders
from bench.installation import installation, open_workspaces
from bench.tables import Table
from config import embedded
from config.settings import Settings
from tests.support.serving import WebProcess

WRITERS = 4
BETWEEN_FAULTS = (0.3, 1.2)
SEED = 20261123
PAUSE = threading.Event()


class Trial:
    """A server of its own, under load."""

    def __init__(self, settings: Settings, *, synchronous_commit: bool = True) -> None:
        self._folder = settings.data_dir
        self.settings = settings
        [opened] = open_workspaces(settings)
        self.workspace = opened.workspace
        if not synchronous_commit:
            self._promise_nothing()
        self.web = WebProcess(settings, self._folder / "web.log")
        self.web.start()
        self._senders = Senders(self.web.address, opened.key, WRITERS)

    def run(self, faults: list[Callable[[], None]], chance: random.Random) -> Findings:
        """Load the server, let each fault happen after a while, and look at what is left."""
        self._senders.start()
        for fault in faults:
            PAUSE.wait(chance.uniform(*BETWEEN_FAULTS))
            fault()
        PAUSE.wait(1)
        self._senders.stop()
        return self._senders.findings(self.settings, self.workspace)

    def stop_database_at_once(self) -> None:
        engines.stop_postgres_at_once(self._folder)
        embedded.start_postgres(self._folder)

    def kill_a_web_worker(self, chance: random.Random) -> None:
        os.kill(chance.choice(self.web.workers()), signal.SIGKILL)

    def close(self) -> None:
        self._senders.give_up()
        self.web.stop()

    def _promise_nothing(self) -> None:
        """Answer before the log is flushed, which is what the control is for."""
        role = sql.Identifier(str(make_url(self.settings.database_url).username))
        with engines.superuser(self.settings) as connection:
            connection.execute(sql.SQL("ALTER ROLE {} SET synchronous_commit = off").format(role))


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
