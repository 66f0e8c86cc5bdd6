"""Sealing: a whole log from nothing, ingest beside the builder, and how far behind it is."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from statistics import median, quantiles
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from auditsaas.app import create_app
from auditsaas.db import pools, tenancy, tickets
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.tree import checkpoints, growing, keys, sweeping
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.upkeep import beginning
from auditsaas.own_actions import Operator
from bench.dataset import Dataset
from bench.ingest import BATCH, CONNECTIONS, ROUNDS, Client, Place, Source, place, post_all
from bench.tables import Table
from config.celery import SEAL_EVERY
from config.settings import Settings

MILLIONS: Final = 10_000_000
OFFERED: Final = 5000
OFFERED_SECONDS: Final = 10
RATE: Final = 1000
SECONDS: Final = 60
SAMPLED: Final = 0.2

AtWork = Callable[[Settings], AbstractContextManager[None]]
"""Has a worker at work for a while."""


def measure(dataset: Dataset) -> list[Table]:
    with place() as here:
        return [build(dataset), offered(here), beside(here), lag(here)]


def build(dataset: Dataset) -> Table:
    """Seal the biggest log of the dataset from its first event, by one process."""
    _begin_anew(dataset)
    _bytes(dataset.settings, how="VACUUM (FULL)")
    began, cpu = time.perf_counter(), time.process_time()
    ring = Keyring.of(dataset.settings)
    with session_of(dataset.settings, dataset.big) as session:
        while (grown := growing.grow(dataset.big, ring, session=session)) and grown.behind:
            pass
        size = checkpoints.state(session, dataset.big).size
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    table = Table(
        f"A log of {size:,} events sealed from nothing, one process beside PostgreSQL's",
        ["seconds", "events/s", "CPU an event", "10 million take (computed)", "bytes an event"],
    )
    rate = size / seconds
    table.add(
        f"{seconds:.1f}",
        f"{rate:,.0f}",
        f"{cpu / size * 1e6:.0f} µs",
        f"{MILLIONS / rate / 60:.1f} min",
        f"{_bytes(dataset.settings) / size:.1f}",
    )
    return table


def _begin_anew(dataset: Dataset) -> None:
    """Remove the tree of a run before."""
    by, ring = Operator(account="bench", command="bench"), Keyring.of(dataset.settings)
    with session_of(dataset.settings, dataset.big, as_owner=True) as session:
        if keys.current_origin(session, dataset.big) is not None:
            beginning.begin_anew(session, dataset.big, ring, by, "Measured again.", rebuild=True)
            session.commit()


def offered(here: Place, at_work: AtWork | None = None) -> Table:
    """Events a second that ingest takes of five thousand that are offered, in turns."""
    at_work = at_work or builder
    source = Source(OFFERED * OFFERED_SECONDS * 2 * (ROUNDS + 1))
    alone, together = [], []
    for _ in range(ROUNDS):
        alone.append(_paced(here, source))
        with at_work(here.settings):
            together.append(_paced(here, source))
    table = Table(
        f"Ingest of {OFFERED:,} events a second that are offered, for {OFFERED_SECONDS} s",
        ["", "events a second"],
    )
    table.add("without the builder", f"{median(alone):,.0f}")
    table.add("with the builder at work", f"{median(together):,.0f}")
    ratios = [with_ / without for with_, without in zip(together, alone, strict=True)]
    table.add("with ÷ without", f"{median(ratios):.2f}")
    return table


def _paced(here: Place, source: Source) -> float:
    made = bodies(source, OFFERED * OFFERED_SECONDS // BATCH)
    began = time.perf_counter()

    def send(first: int) -> None:
        client, pause = Client(here), threading.Event()
        for number in range(first, len(made), CONNECTIONS):
            pause.wait(max(0.0, began + number * BATCH / OFFERED - time.perf_counter()))
            client.post(here.keys[number % len(here.keys)], made[number])
        client.close()

    senders = [threading.Thread(target=send, args=(first,)) for first in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    return len(made) * BATCH / (time.perf_counter() - began)


def beside(here: Place, at_work: AtWork | None = None, batches: int = 100) -> Table:
    """Events a second of ingest over HTTP, with the builder at work and without, in turns."""
    at_work = at_work or builder
    source = Source(BATCH * batches * ROUNDS * 3 + 10_000)
    post_all(here, bodies(source, CONNECTIONS * 4), len(here.workspaces))
    alone, together = [], []
    for _ in range(ROUNDS):
        alone.append(_rate(here, source, batches))
        with at_work(here.settings):
            together.append(_rate(here, source, batches))
    table = Table(
        f"Ingest, batches of {BATCH}, {CONNECTIONS} connections, {len(here.workspaces)} logs",
        ["", "events a second"],
    )
    table.add("without the builder", f"{median(alone):,.0f}")
    table.add("with the builder at work", f"{median(together):,.0f}")
    ratios = [with_ / without for with_, without in zip(together, alone, strict=True)]
    table.add("with ÷ without", f"{median(ratios):.2f}")
    return table


def lag(here: Place) -> Table:
    """How long the oldest event waited, at a thousand events a second into one log."""
    _drain(here)
    waited: list[float] = []
    ended = threading.Event()
    with builder(here.settings), session_of(here.settings, here.workspaces[0]) as session:
        sender = threading.Thread(target=_send, args=(here, ended))
        sender.start()
        while not ended.is_set():
            found = checkpoints.state(session, here.workspaces[0])
            now = session.scalar(text("SELECT clock_timestamp()"))
            waited.append((now - found.lag_since).total_seconds() if found.lag_since else 0.0)
            session.rollback()
            ended.wait(SAMPLED)
        sender.join()
    table = Table(
        f"Events that wait for the tree, {RATE:,} a second for {SECONDS} s", ["", "seconds"]
    )
    table.add("p50", f"{median(waited):.1f}")
    table.add("p95", f"{quantiles(waited, n=20)[-1]:.1f}")
    table.add("at most", f"{max(waited):.1f}")
    return table


def _drain(here: Place) -> None:
    """Seal what earlier measurements left, so that only what comes now is waited for."""
    ring = Keyring.of(here.settings)
    for workspace in here.workspaces:
        with session_of(here.settings, workspace) as session:
            while (grown := growing.grow(workspace, ring, session=session)) and grown.behind:
                pass


def _send(here: Place, ended: threading.Event) -> None:
    source, client = Source(RATE * SECONDS * 2), Client(here)
    began = time.perf_counter()
    for number, body in enumerate(bodies(source, RATE * SECONDS // BATCH)):
        client.post(here.keys[0], body)
        ahead = began + (number + 1) * BATCH / RATE - time.perf_counter()
        ended.wait(max(0.0, ahead))
    client.close()
    ended.set()


def bodies(source: Source, batches: int) -> list[bytes]:
    return [msgspec.json.encode({"events": batch}) for batch in source.batches(batches)]


def _rate(here: Place, source: Source, batches: int) -> float:
    made = bodies(source, batches)
    return BATCH * batches / post_all(here, made, len(here.workspaces))


@contextmanager
def builder(settings: Settings) -> Iterator[None]:
    """The worker of the queue tree, and what beat asks of it."""
    worker = multiprocessing.get_context("spawn").Process(target=_sweep, args=(settings,))
    worker.start()
    try:
        yield
    finally:
        worker.terminate()
        worker.join()


def _sweep(settings: Settings) -> None:
    ring = Keyring.of(settings)
    with create_app(settings).app_context():
        while True:
            due = time.monotonic() + SEAL_EVERY.total_seconds()
            sweeping.sweep(ring, timedelta(seconds=20))
            threading.Event().wait(max(0.0, due - time.monotonic()))


@contextmanager
def session_of(settings: Settings, workspace: UUID, *, as_owner: bool = False) -> Iterator[Session]:
    tickets.sign_with(settings.secret_key)
    url = settings.owner_url if as_owner else settings.database_url
    options = pools.engine_options(url, 0)
    with Session(pools.make_engine(**options)) as session:  # type: ignore[arg-type]
        yield tenancy.bind(Scope.of(workspace), session)


def _bytes(settings: Settings, how: str = "VACUUM") -> int:
    """Measure what the tree takes on disk, with its indexes."""
    owner = create_engine(settings.owner_url, isolation_level="AUTOCOMMIT")
    names = ("tree_leaves", "tree_tiles", "checkpoints")
    with owner.connect() as connection:
        connection.execute(text(f"{how} tree_leaves, tree_tiles, checkpoints"))
        sizes = [
            connection.scalar(text(f"SELECT pg_total_relation_size('{name}')")) for name in names
        ]
    owner.dispose()
    return sum(size or 0 for size in sizes)
