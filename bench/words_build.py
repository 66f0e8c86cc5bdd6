"""Dictionaries of words: a whole log taken in, its size, and ingest beside the builder."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from auditsaas.app import create_app
from auditsaas.events import following
from auditsaas.events.words import growing, sweeping
from auditsaas.events.words.models import BLOCK
from auditsaas.events.words.sweeping import Pace
from bench.dataset import Dataset
from bench.evidence_seal import beside, offered, session_of
from bench.ingest import place
from bench.tables import Table
from config.celery import TAKE_IN_EVERY
from config.settings import Settings

TICKS: Final = 100
"""Of the processor, in a second, as /proc counts them on Linux."""

_SIZES: Final = text(
    """
    SELECT pg_total_relation_size('event_words') AS whole,
        pg_relation_size('event_words') AS rows,
        pg_total_relation_size('event_words') - pg_relation_size('event_words')
            - pg_indexes_size('event_words') AS beside,
        pg_indexes_size('event_words') AS indexes,
        pg_total_relation_size('word_heads') AS heads
    """
)
_INSIDE: Final = text(
    """
    SELECT sum(pg_column_size(signature)) AS signatures, sum(octet_length(words)) AS words,
        sum(events) AS events, count(*) AS blocks
    FROM event_words
    """
)


def measure(dataset: Dataset) -> list[Table]:
    with place() as here:
        return [
            *build(dataset),
            offered(here, builder),
            beside(here, builder),
        ]


def build(dataset: Dataset) -> list[Table]:
    """Take in the biggest log of the dataset from its first event, by one process."""
    _empty(dataset)
    with session_of(dataset.settings, dataset.big, as_owner=True) as session:
        server = Path("/proc") / str(session.scalar(text("SELECT pg_backend_pid()"))) / "stat"
        session.rollback()
        before, began, cpu = seconds_of(server), time.perf_counter(), time.process_time()
        grown = growing.grow(session, dataset.big, turn=timedelta(hours=2))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        theirs = seconds_of(server) - before
    assert grown is not None
    table = Table(
        f"The words of a log of {grown.words_to:,} events, taken in by one process",
        ["seconds", "events/s", "CPU an event: the worker's", "PostgreSQL's", "both"],
    )
    table.add(
        f"{seconds:.1f}",
        f"{grown.words_to / seconds:,.0f}",
        *(f"{each / grown.words_to * 1e6:.1f} µs" for each in (cpu, theirs, cpu + theirs)),
    )
    return [table, _size(dataset)]


def _empty(dataset: Dataset) -> None:
    """Remove the dictionary of a run before, and all others, so that sizes are of this one."""
    owner = create_engine(dataset.settings.owner_url)
    with owner.begin() as connection:
        connection.execute(text("TRUNCATE event_words, word_heads"))
    owner.dispose()


def seconds_of(server: Path) -> float:
    """Read the seconds of processor that a process of the server used."""
    fields = server.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _size(dataset: Dataset) -> Table:
    owner = create_engine(dataset.settings.owner_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("VACUUM ANALYZE event_words, word_heads"))
        found = connection.execute(_SIZES).one()
    owner.dispose()
    with session_of(dataset.settings, dataset.big, as_owner=True) as session:
        inside = session.execute(_INSIDE).one()
    table = Table(
        f"Bytes an event of its {inside.blocks:,} blocks of {BLOCK}",
        ["all", "words", "signatures", "rows but for signatures", "indexes", "heads"],
        [f"The words themselves are {inside.words / inside.events:.1f} bytes an event."],
    )
    parts = (
        *(found.whole + found.heads, found.beside, inside.signatures),
        *(found.rows - inside.signatures, found.indexes, found.heads),
    )
    table.add(*(f"{each / inside.events:.1f}" for each in parts))
    return table


@contextmanager
def builder(settings: Settings) -> Iterator[None]:
    """The worker of the queue tree, and what beat asks of it for words."""
    worker = multiprocessing.get_context("spawn").Process(target=_sweep, args=(settings,))
    worker.start()
    try:
        yield
    finally:
        worker.terminate()
        worker.join()


def _sweep(settings: Settings) -> None:
    engine, pace = create_engine(settings.owner_url), Pace()
    with create_app(settings).app_context():
        while True:
            due = time.monotonic() + TAKE_IN_EVERY.total_seconds()
            with Session(engine) as session:
                following.sweep(session, sweeping.WORDS, pace.next())
            threading.Event().wait(max(0.0, due - time.monotonic()))
