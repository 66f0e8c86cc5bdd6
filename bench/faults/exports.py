"""Exports under fire: whatever is killed, frozen, emptied or full, every one of them ends ready or
failed with a reason, with one file, one notification and one mail, and the file is whole.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from auditsaas.db.deadlines import RESTART_SECONDS
from auditsaas.exports.asking import at_once
from auditsaas.workspaces.models import Workspace
from bench.faults.files import rows_in
from bench.faults.harm import FAULTS, PAUSE, Harm
from bench.faults.installation import Installation
from tasks.exports import expire_exports
from tests.support import factories

SEED = 20261123
ALL = ["fault.*"]
EVENTS = {"fault.few": 300, "fault.some": 2_700, "fault.many": 3_000}
ASKED = {
    "csv": (ALL, 6_000),
    "jsonl": (ALL, 6_000),
    "parquet": (ALL, 6_000),
    "xlsx": (ALL, 6_000),
    "pdf": (ALL, 6_000),
}
"""Activities and rows by format, so that each takes about a second to build."""
STILL_SECONDS = 30.0
"""What has not moved for so long will not: far longer than every hurried time of the product, so
that a machine with other things to do is not taken for one that has given up."""
ANSWER_SECONDS = 2.0
"""An answer may take so long, and where PostgreSQL was away as long again as it is waited for."""

EXPORTS = """
SELECT e.id::text, e.state, e.format, e.error, e.rows_done, e.bytes, e.sha256, e.file_key,
    (SELECT count(*) FROM notifications n WHERE n.url = '/exports/' || e.id),
    (SELECT count(*) FROM mails m JOIN notifications n ON n.id = m.notification_id
     WHERE n.url = '/exports/' || e.id)
FROM exports e
"""


@dataclass
class Findings:
    """What became of the exports."""

    exports: int = 0
    ready: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By the beginning of the reason."""
    unfinished: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    """Promises that were not kept, by their kind."""
    slowest_seconds: float = 0.0
    """The slowest answer to somebody who asked while the database was there."""
    slowest_waited_seconds: float = 0.0
    """The slowest to somebody who asked while PostgreSQL was away, or went."""

    @property
    def kept(self) -> bool:
        return not self.unfinished and not self.broken

    @property
    def prompt(self) -> bool:
        return (
            self.slowest_seconds <= ANSWER_SECONDS
            and self.slowest_waited_seconds <= ANSWER_SECONDS + RESTART_SECONDS
        )


class Trial:
    """An installation, somebody who asks for exports, and what goes wrong meanwhile."""

    def __init__(self, made: Installation, chance: random.Random) -> None:
        self._made = made
        self._chance = chance
        self._harm = Harm(made, chance)
        self._workspace = factories.make_workspace("Under fire")
        self._person = factories.make_member(self._workspace)
        _fill(self._workspace)
        self._browser = made.app.test_client()
        factories.sign_in(self._browser, self._person)
        self._slowest = {False: 0.0, True: 0.0}
        """Seconds, while PostgreSQL was there and while it was not."""
        self._asked_for = 0

    def run(
        self, exports: int, faults: Sequence[str], still_seconds: float = STILL_SECONDS
    ) -> Findings:
        """Ask for so many exports while the faults happen, in an order of chance."""
        self.ask(exports, faults, still_seconds)
        return self.findings()

    def ask(
        self, exports: int, faults: Sequence[str], still_seconds: float = STILL_SECONDS
    ) -> None:
        """The same without looking at what became of them."""
        self._asked_for += exports
        # All are left to workers, which are what is killed here.
        with patch.object(at_once, "ROWS", -1), ThreadPoolExecutor(1) as somebody:
            asking = somebody.submit(self._ask_for, exports)
            for name in self._chance.sample(faults, len(faults)):
                PAUSE.wait(self._chance.uniform(0.2, 1.5))
                FAULTS[name](self._harm)
            asking.result()
        self._harm.heal()
        self._wait_until_still(still_seconds)

    def findings(self) -> Findings:
        with self._made.app.app_context():
            expire_exports()  # beat's, every ten minutes: files that a killed worker left
        found = Findings(
            slowest_seconds=self._slowest[False], slowest_waited_seconds=self._slowest[True]
        )
        with self._made.superuser() as connection:
            for row in connection.execute(EXPORTS).fetchall():
                _examine(found, self._made, row)
        if found.exports < self._asked_for:
            found.broken["forgotten"] += self._asked_for - found.exports
        return found

    def _ask_for(self, exports: int) -> None:
        formats = [format for format in ASKED for _ in range(-(-exports // len(ASKED)))]
        for format in self._chance.sample(formats, exports):
            form: dict[str, Any] = {"format": format, "activity": ASKED[format][0]}
            if format in ("csv", "jsonl") and self._chance.random() < 0.5:
                form["gzip"] = "1"
            while not self._asked(form):
                PAUSE.wait(0.2)
            PAUSE.wait(self._chance.uniform(0, 0.5))

    def _asked(self, form: dict[str, Any]) -> bool:
        """Whether the request was taken; it is refused in words while the database is away."""
        token = factories.csrf_token(self._browser)
        stops, away, began = self._harm.postgres_stops, self._harm.postgres_away, time.monotonic()
        place = f"/w/{self._workspace.slug}/exports"
        answer = self._browser.post(place, data=form | {"csrf_token": token})
        if answer.status_code == 503:
            return False
        assert answer.status_code == 303, answer.text
        waited = away or self._harm.postgres_stops > stops
        self._slowest[waited] = max(self._slowest[waited], time.monotonic() - began)
        return True

    def _wait_until_still(self, still_seconds: float) -> None:
        """Return when every export has ended, or nothing has moved for a while."""
        seen, since = None, time.monotonic()
        while time.monotonic() - since < still_seconds:
            now = self._position()
            if not now[0]:
                return
            if now != seen:
                seen, since = now, time.monotonic()
            self._made.restart_ended()
            PAUSE.wait(0.2)

    def _position(self) -> tuple[Any, ...]:
        with self._made.superuser() as connection:
            found = connection.execute(
                "SELECT count(*) FILTER (WHERE state IN ('queued', 'building')),"
                " sum(fence), sum(rows_done), max(lease_until), max(finished_at) FROM exports"
            )
            return found.fetchone() or (0,)


def _fill(workspace: Workspace) -> None:
    now = datetime.now(UTC)
    made = [
        factories.event_input(
            activity=activity,
            occurred_at=(now - timedelta(seconds=n)).isoformat(),
            targets=[{"type": "check", "id": f"n-{n}"}],
        )
        for activity, count in EVENTS.items()
        for n in range(count)
    ]
    for at in range(0, len(made), 1_000):
        factories.append_events(workspace, made[at : at + 1_000])


def _examine(found: Findings, made: Installation, row: Any) -> None:
    export_id, state, format, error, rows, size, digest, key, notes, mails = row
    found.exports += 1
    if state not in ("ready", "failed"):
        found.unfinished += 1
        return
    if notes != 1:
        found.broken["not one notification"] += 1
    if mails != 1:
        found.broken["not one mail"] += 1
    files = [
        path.relative_to(made.disk.folder).as_posix()
        for path in (made.disk.folder / "exports" / export_id).glob("*")
    ]
    if state == "failed":
        found.failed[(error or "").rstrip(".").split(". ")[0].split(",")[0]] += 1
        if not error:
            found.broken["failed without a reason"] += 1
        if files:
            found.broken["a file of a failed export"] += 1
        return
    found.ready += 1
    if files != [key]:
        found.broken["not one file"] += 1
        return
    content = (made.disk.folder / key).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest or len(content) != size:
        found.broken["another SHA-256 or size"] += 1
    if not rows == ASKED[format][1] == rows_in(made.disk.folder / key, format):
        found.broken["another number of rows"] += 1
