"""A full check of a sealed log against its seal, by one process and by two."""

from __future__ import annotations

import time
from collections.abc import Sequence
from multiprocessing import get_context
from typing import Final
from uuid import UUID

from sqlalchemy import NullPool
from sqlalchemy.orm import Session

from auditsaas.db import pools, tenancy, tickets
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.checking import scanning
from auditsaas.evidence.tree.growing import grow
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.extensions import db
from bench.dataset import Dataset
from bench.tables import Table
from config.settings import Settings

MILLIONS: Final = 10_000_000


def measure(dataset: Dataset) -> Table:
    """Seal the biggest log of the dataset, and check all of it."""
    size = _sealed(dataset)
    table = Table(
        f"A full check of {size:,} events",
        ["processes", "seconds", "events/s", "CPU an event", "10 million take", "differences"],
    )
    for processes in (1, 2):
        seconds, cpu, found = _checked(dataset.settings, dataset.big, size, processes)
        rate = size / seconds
        minutes = MILLIONS / rate / 60
        cells = [f"{seconds:.1f}", f"{rate:,.0f}", f"{cpu / size * 1e6:.0f} µs"]
        table.add(str(processes), *cells, f"{minutes:.1f} min", str(found))
    return table


def _sealed(dataset: Dataset) -> int:
    with dataset.app.app_context():
        ring = Keyring.of(dataset.settings)
        while (grown := grow(dataset.big, ring, at_once=True)) is not None and grown.behind:
            pass
        return scanning.sealed_size(tenancy.bind(Scope.of(dataset.big), db.session()), dataset.big)


def _checked(
    settings: Settings, workspace: UUID, size: int, processes: int
) -> tuple[float, float, int]:
    """Check the log; return seconds by the clock, of CPU beside PostgreSQL's, and differences."""
    tiles = scanning.all_tiles(size)
    shares = [
        tiles[len(tiles) * at // processes : len(tiles) * (at + 1) // processes]
        for at in range(processes)
    ]
    began = time.perf_counter()
    with get_context("spawn").Pool(processes) as pool:
        scanned = pool.starmap(_scan, [(settings, workspace, each, size) for each in shares])
    wrong = scanning.Wrong([n for found, _ in scanned for n in found])
    with _session(settings, workspace) as session:
        found = scanning.explained(session, workspace, wrong)
    return time.perf_counter() - began, sum(cpu for _, cpu in scanned), len(found)


def _scan(
    settings: Settings, workspace: UUID, tiles: Sequence[int], size: int
) -> tuple[list[int], float]:
    began = time.process_time()
    with _session(settings, workspace) as session:
        steps = scanning.damaged(session, workspace, tiles, size)
        wrong = [n for _, found in steps for n in found]
    return wrong, time.process_time() - began


def _session(settings: Settings, workspace: UUID) -> Session:
    tickets.sign_with(settings.secret_key)
    engine = pools.make_engine(settings.database_url, poolclass=NullPool)
    return tenancy.bind(Scope.of(workspace), Session(engine))
