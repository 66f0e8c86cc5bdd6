"""The same questions to the product and to what people use instead, over HTTP, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from bench.dataset import Dataset, bench_dir
from bench.peers import columnar, files, peers, same_events
from bench.peers.files import File
from bench.peers.peer import QUESTIONS, Asked, Peer, Server, TooSlow, serving
from bench.peers.same_events import SameEvents
from bench.tables import Table, ms

RUNS = 7
ENOUGH_SECONDS = 20
"""One question is asked again until so much time is spent, and at most ``RUNS`` times."""

CSV_PATIENCE = 10
"""A file may take so many times as long as a page."""


@dataclass
class Found:
    """What was measured of one peer; None where it took too long."""

    pages: dict[str, float | None] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    """The first answers, which do not count."""

    file: File = field(default_factory=lambda: File(None, 0, 0.0))


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
    return [
        _pages(found, same, seconds, notes),
        _files(found, same),
        columnar.measure(data, same, seconds),
    ]


def _measured(data: Dataset, peer: Peer, seconds: float) -> Found:
    found = Found()
    log = bench_dir() / "peers-servers.log"
    for question in QUESTIONS:
        with serving(peer, log) as server:
            found.pages[question] = _page(server, question, seconds, found)
        if found.pages[question] is None:
            same_events.stop_queries(data)
    if "csv" not in peer.paths:
        found.file = files.by_product(data, seconds * CSV_PATIENCE)
        return found
    with serving(peer, log) as server:
        found.file = files.by_server(server, seconds * CSV_PATIENCE)
    if found.file.gave_up:
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


def _files(found: dict[str, Found], same: SameEvents) -> Table:
    table = Table(
        f"CSV of all {same.rows:,} events",
        ["", "seconds", "rows/s", "MB", "peak above idle, MB"],
        ["The product's file has the whole event; its seconds include starting the command."],
    )
    for name, its in found.items():
        if its.file.seconds is None:
            table.add(name, its.file.gave_up, "", "", f"≥ {its.file.memory:,.0f}")
            continue
        rate = f"{same.rows / its.file.seconds:,.0f}"
        size = f"{its.file.bytes / 1e6:,.0f}"
        table.add(name, f"{its.file.seconds:.1f}", rate, size, f"{its.file.memory:,.0f}")
    return table
