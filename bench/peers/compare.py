"""The same questions to the product and to what people use instead, over HTTP, one by one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.dataset import Dataset, bench_dir
from bench.peers import peers, same_events
from bench.peers.peer import QUESTIONS, Asked, Peer, Server, TooSlow, serving
from bench.peers.same_events import SameEvents
from bench.tables import Table, ms
from tests.serving import environment

RUNS = 7
ENOUGH_SECONDS = 20
"""One question is asked again until so much time is spent, and at most ``RUNS`` times."""

CSV_RUNS = 3
CSV_PATIENCE = 10
"""A file may take so many times as long as a page."""


@dataclass
class Found:
    """What was measured of one peer; None where it took too long."""

    pages: dict[str, float | None] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    """The first answers, which do not count."""

    csv: float | None = None
    csv_bytes: int = 0
    memory: float = 0.0
    """MB above idle while the file was made."""


def measure(data: Dataset, depth: int, seconds: float) -> list[Table]:
    """Medians; an answer that takes longer than ``seconds`` is given up and reported so."""
    same = same_events.copied(data, depth)
    folder = data.settings.data_dir / "datasette"
    found: dict[str, Found] = {}
    notes = [
        (
            f"All hold the same {same.rows:,} events: those of one workspace. The product holds"
            f" {data.events:,} in all, in the same database as the others."
        ),
        (
            f"One person: `{same.person}`. Search: `{same.words}`, a path that few events have,"
            " the newest about as far back as the deep page. Pages of 50 rows, whole, over HTTP on"
            f" loopback; medians of up to {RUNS} after one that does not count."
        ),
    ]
    for make in peers.makers(data, same, folder).values():
        peer = make()
        print(f"measuring {peer.name} …", flush=True)
        found[peer.name] = _measured(data, peer, seconds)
        notes.append(f"{peer.name}: {peer.settings}.")
    return [_pages(found, same, seconds, notes), _files(found, same, seconds)]


def _measured(data: Dataset, peer: Peer, seconds: float) -> Found:
    found = Found()
    log = bench_dir() / "peers-servers.log"
    for question in QUESTIONS:
        with serving(peer, log) as server:
            found.pages[question] = _page(server, question, seconds, found)
        if found.pages[question] is None:
            same_events.stop_queries(data)
    if "csv" not in peer.paths:
        _product_csv(data, seconds * CSV_PATIENCE, found)
        return found
    with serving(peer, log) as server:
        _csv(server, seconds * CSV_PATIENCE, found)
    if found.csv is None:
        same_events.stop_queries(data)
    return found


def _page(server: Server, question: str, seconds: float, found: Found) -> float | None:
    times: list[float] = []
    try:
        found.asked[question] = first = server.ask(question, seconds)
        if not first.rows and question != "search":
            raise RuntimeError(f"{server.peer.name} shows no rows of {question}")
        while len(times) < RUNS and sum(times) < ENOUGH_SECONDS:
            times.append(server.ask(question, seconds).seconds)
    except TooSlow:
        return None
    return median(times) * 1000


def _csv(server: Server, seconds: float, found: Found) -> None:
    idle = server.memory()
    times: list[float] = []
    try:
        while len(times) < CSV_RUNS and sum(times) < 3 * ENOUGH_SECONDS:
            with _peak(server.memory) as peak:
                answer = server.get(server.peer.paths["csv"], seconds, keep=0)
            times.append(answer.seconds)
            found.csv_bytes = answer.bytes
            found.memory = max(found.memory, (peak[0] - idle) / 1e6)
    except TooSlow:
        found.memory = max(found.memory, (peak[0] - idle) / 1e6)
        return
    found.csv = median(times)


@contextmanager
def _peak(read: Callable[[], int]) -> Iterator[list[int]]:
    """The highest value that ``read`` gave meanwhile, looked at twenty times a second."""
    over, highest = threading.Event(), [read()]

    def look() -> None:
        while not over.wait(0.05):
            highest[0] = max(highest[0], read())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield highest
    finally:
        over.set()
        thread.join()


def _product_csv(data: Dataset, seconds: float, found: Found) -> None:
    """By the command that writes a file, whose memory at rest is that of another command."""
    times: list[float] = []
    idle = _command(data, ["workspace", "--help"], seconds)[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.csv"
        export = ["export", data.big_slug, "--format", "csv", "--output", str(file)]
        while len(times) < CSV_RUNS and sum(times) < 3 * ENOUGH_SECONDS:
            taken, peak = _command(data, export, seconds)
            times.append(taken)
            found.memory = max(found.memory, (peak - idle) / 1e6)
        found.csv_bytes = file.stat().st_size
    found.csv = median(times)


MEASURED = (
    "import sys, resource; from auditsaas.cli import main\n"
    "try: main()\n"
    "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr)"
)


def _command(data: Dataset, words: list[str], seconds: float) -> tuple[float, int]:
    """The seconds that a command of the product takes, and its peak memory in bytes."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        env=os.environ | environment(data.settings),
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return time.perf_counter() - started, int(done.stderr.splitlines()[-1])


def _pages(found: dict[str, Found], same: SameEvents, seconds: float, notes: list[str]) -> Table:
    table = Table(
        f"A page of 50 of {same.rows:,} events, ms",
        ["", *(f"{same.depth:,} deep" if q == "deep" else q for q in QUESTIONS)],
        notes,
    )
    for name, its in found.items():
        cells = []
        for question in QUESTIONS:
            cells.append(_cell(its, question, seconds))
        table.add(name, *cells)
    return table


def _cell(its: Found, question: str, seconds: float) -> str:
    value, asked = its.pages[question], its.asked.get(question)
    if value is None or asked is None:
        return f"> {seconds:g} s"
    if question != "search":
        return ms(value)
    steps = f" in {asked.steps} steps" if asked.steps > 1 else ""
    return f"{ms(value)}{steps}, {asked.rows} found"


def _files(found: dict[str, Found], same: SameEvents, seconds: float) -> Table:
    table = Table(
        f"CSV of all {same.rows:,} events",
        ["", "seconds", "rows/s", "MB", "peak above idle, MB"],
        ["The product's file has the whole event; its seconds include starting the command."],
    )
    for name, its in found.items():
        if its.csv is None:
            table.add(name, f"> {seconds * CSV_PATIENCE:g}", "", "", f"≥ {its.memory:.0f}")
            continue
        rate = f"{same.rows / its.csv:,.0f}"
        size = f"{its.csv_bytes / 1e6:,.0f}"
        table.add(name, f"{its.csv:.1f}", rate, size, f"{its.memory:,.0f}")
    return table
