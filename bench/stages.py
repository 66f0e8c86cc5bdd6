"""``python -m bench.stages``: where the time of a posted batch goes, one stage after another.

One connection and one workspace, so that nothing waits for anything else. The stages are timed by
themselves; what the whole post takes beyond them is HTTP, the key, the rate limit and the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar

import msgspec
from sqlalchemy.orm import Session

from auditsaas.api.ingest.bodies import Reader, parse_json
from auditsaas.cli_session import open_session
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import CLI
from auditsaas.events.writing.append import append
from auditsaas.events.writing.identity import identify
from auditsaas.events.writing.rows import row_of
from bench.ingest import BATCH, Client, Place, Source, now, place
from bench.tables import Table

WARM_UP = 10

T = TypeVar("T")


class Stages:
    """Milliseconds of each stage, batch by batch."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def timed(self, name: str, run: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = run()
        self.times.setdefault(name, []).append((time.perf_counter() - began) * 1000)
        return result

    def of(self, name: str) -> float:
        return median(self.times[name][WARM_UP:])


def measure(batches: int = 100) -> Table:
    stages = Stages()
    with place() as here:
        source = Source(BATCH * (batches + WARM_UP) * 2)
        client = Client(here)
        for batch in source.batches(batches + WARM_UP):
            body = msgspec.json.encode({"events": batch})
            stages.timed("post", partial(client.post, here.keys[0], body))
        client.close()
        with open_session(here.settings) as session:
            tenancy.bind(Scope.of(here.workspaces[1]), session)
            for batch in source.batches(batches + WARM_UP):
                _append(stages, here, session, msgspec.json.encode({"events": batch}))
    return _table(stages)


def _append(stages: Stages, here: Place, session: Session, body: bytes) -> None:
    arrived, workspace = now(), here.workspaces[1]
    events = list(stages.timed("decode", lambda: parse_json(body, Reader(arrived))).events.values())
    found = stages.timed("identify", lambda: identify(workspace, events, arrived_at=arrived))
    rows = stages.timed(
        "rows",
        lambda: [row_of(e, *i) for e, i in zip(events, found, strict=True)],
    )
    stages.timed("encode", lambda: msgspec.json.encode(rows).decode())
    stages.timed(
        "append", lambda: append(session, workspace, events, source=CLI, arrived_at=arrived)
    )
    stages.timed("commit", session.commit)


def _table(stages: Stages) -> Table:
    ours = {
        "JSON decoded and checked": stages.of("decode"),
        "ids: time, hash of the key": stages.of("identify"),
        "rows: user agent, address": stages.of("rows"),
        "rows as JSON": stages.of("encode"),
    }
    inside = sum(ours.values()) - ours["JSON decoded and checked"]
    ours["PostgreSQL: lock, insert, count"] = stages.of("append") - inside
    ours["PostgreSQL: commit, flushed"] = stages.of("commit")
    whole = stages.of("post")
    ours["HTTP, key, rate limit, answer"] = whole - sum(ours.values())
    table = Table(
        f"Where the time of a batch of {BATCH} goes", ["stage", "ms, median", "of the whole"]
    )
    for name, taken in ours.items():
        table.add(name, f"{taken:.2f}", f"{taken / whole:.0%}")
    table.add("the whole post", f"{whole:.2f}", f"{BATCH / whole * 1000:,.0f} events/s")
    return table


if __name__ == "__main__":
    print(measure())
