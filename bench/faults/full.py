"""PostgreSQL on a disk that becomes full: what senders and operators are told, and what is lost."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine, select, text

from auditsaas.db.failures import FULL
from auditsaas.events.models import events
from auditsaas.operations import doctor
from auditsaas.operations.finding import Verdict
from bench.faults.disk import Disk
from bench.faults.installation import Installation
from config import embedded
from tests.support import factories
from tests.support.workers import eventually

MEGABYTES = 400
BATCH = 200
MOST_BATCHES = 200
FIGURE = 'auditsaas_database_errors_total{class="53100"}'


@dataclass
class Full:
    """What was answered while the disk was full, and what was stored in the end."""

    answers: Counter[int] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    lost: int = 0
    reader_content: bool = False
    """The control: a probe that only reads finds nothing wrong."""

    @property
    def kept(self) -> bool:
        return not self.silent and not self.lost and self.answers[503] > 0


@contextmanager
def small_installation() -> Iterator[tuple[Installation, Disk]]:
    """An installation whose PostgreSQL has a small disk.

    Raises:
        PermissionError: nothing may be mounted here.
    """
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-full-"))
    bound = factories.Sessions.kw.get("bind")
    disk = Disk(folder, MEGABYTES)
    made = None
    try:
        if not disk.is_mounted:
            raise PermissionError("only an account that may mount can fill PostgreSQL's disk")
        made = Installation(folder, None)
        yield made, disk
    finally:
        if made is not None:
            made.close()
        factories.Sessions.configure(bind=bound)
        embedded.stop(folder)
        disk.close()
        shutil.rmtree(folder, ignore_errors=True)


def filled() -> Full:
    """Fill the disk while events are sent, look at every place that should tell, make room."""
    with small_installation() as (made, disk):
        workspace = factories.make_workspace()
        sender = _Sender(made, factories.make_api_key(workspace))
        found = sender.found
        sender.send()
        disk.becomes_full(())
        for _ in range(MOST_BATCHES):
            if sender.send() == 503:
                break
        _look(made, found)
        disk.has_room_again()
        eventually(lambda: sender.send() == 201, "an event that is taken again")
        with factories.scoped(workspace.id) as session:
            stored = {str(id) for id in session.scalars(select(events.c.id))}
        found.lost = len(sender.acknowledged - stored)
        return found


class _Sender:
    def __init__(self, made: Installation, key: str) -> None:
        self._client, self._key = made.app.test_client(), key
        self.found = Full()
        self.acknowledged: set[str] = set()

    def send(self) -> int:
        answer = self._client.post(
            "/api/v1/events",
            json={"events": [factories.event_input() for _ in range(BATCH)]},
            headers={"Authorization": f"Bearer {self._key}"},
        )
        self.found.answers[answer.status_code] += 1
        said = answer.json or {}
        if answer.status_code == 201:
            self.acknowledged.update(said["ids"])
        elif FULL.title not in said.get("detail", ""):
            self.found.silent.append("the API")
        return answer.status_code


def _look(made: Installation, found: Full) -> None:
    client = made.app.test_client()
    failed = {each.part for each in doctor.examine(made.settings) if each.verdict is Verdict.FAIL}
    places = {
        "/readyz": (client.get("/readyz").json or {}).get("database") == FULL.state,
        "/metrics": f"{FIGURE} " in client.get("/metrics").text,
        "the doctor": "disk" in failed,
    }
    for place, tells in places.items():
        (found.told if tells else found.silent).append(place)
    with create_engine(made.settings.database_url).connect() as connection:
        found.reader_content = connection.scalar(text("SELECT 1")) == 1
