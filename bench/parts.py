"""What ``make bench`` measures: one entry for each section of the results, in their order."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import dataset
from bench.dataset import Dataset

DEEP = 1_000_000
RESTARTS_MINUTES = 10
"""Long enough for each part to be restarted, and to settle."""


@dataclass(frozen=True)
class Options:
    events: int
    share: float
    depth: int | None
    minutes: float
    seconds: float
    """How long one answer of a peer may take."""
    files: Path | None
    """A folder of log files to import."""


class Run:
    """One part's run: its options, and the dataset once something asks for it."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @cached_property
    def data(self) -> Dataset:
        return dataset.ready(self.options.events, self.options.share)

    @property
    def depth(self) -> int:
        """As deep as was asked for, or a million, or as the workspace goes."""
        return self.options.depth or min(DEEP, self.data.in_big * 9 // 10)


@dataclass(frozen=True)
class Part:
    title: str
    module: str
    """Imported when the part runs, so that parts do not mix."""

    measure: Callable[[Any, Run], Any]
    """Given the module; returns a Table, or several in whatever nesting."""

    hours: float = 2.0
    """After so long, and the minutes of its load, it is given up."""

    needs_files: bool = False

    def run(self, run: Run) -> Any:
        return self.measure(importlib.import_module(self.module), run)


def _load(module: Any, run: Run, *, restart: bool = False) -> Any:
    given = run.options
    minutes = min(given.minutes, RESTARTS_MINUTES) if restart else given.minutes
    return module.measure(given.events, given.share, minutes=minutes, restart=restart)


_ALL = {
    "pages": Part(
        "Pages of the log",
        "bench.pages",
        lambda m, run: [m.measure(run.data, run.depth), m.measure_counts(run.data)],
    ),
    "fragment": Part(
        "Where a fragment's time goes", "bench.fragment", lambda m, run: m.measure(run.data)
    ),
    "round-trips": Part(
        "Ways of a page to PostgreSQL", "bench.round_trips", lambda m, run: m.measure(run.data)
    ),
    "crowd": Part(
        "Pages of the log of very many people",
        "bench.crowd",
        lambda m, run: m.measure(run.options.events, run.options.share),
    ),
    "reads": Part(
        "Pages with recorded reads",
        "bench.reads",
        lambda m, run: m.measure(run.options.events, run.options.share),
    ),
    "search": Part(
        "Searching for words", "bench.search", lambda m, run: m.measure(run.data, run.options.share)
    ),
    "search-across": Part(
        "Searching across workspaces",
        "bench.search_across",
        lambda m, run: m.measure(run.options.events),
    ),
    "exports": Part("Exports", "bench.exports", lambda m, run: m.measure(run.data)),
    "small-files": Part(
        "Small files at once", "bench.small_files", lambda m, run: m.measure(run.data)
    ),
    "ingest": Part(
        "Ingest",
        "bench.ingest",
        lambda m, run: m.measure(memory_events=min(2_000_000, run.options.events)),
    ),
    "single_post": Part(
        "One event by POST beside INSERT and COMMIT",
        "bench.single_post",
        lambda m, _run: m.measure(),
    ),
    "stages": Part("Where an append's time goes", "bench.stages", lambda m, _run: m.measure()),
    "bad_input": Part("Hostile requests", "bench.bad_input", lambda m, _run: m.measure()),
    "durability": Part("Durability of ingest", "bench.durability", lambda m, _run: m.measure()),
    "client": Part(
        "The Python client through faults",
        "bench.client",
        lambda m, run: m.measure(min(100_000, run.options.events)),
    ),
    "importers": Part(
        "Importing log files",
        "bench.importers",
        lambda m, run: m.measure(run.options.files),
        needs_files=True,
    ),
    "platform": Part(
        "Counts of all workspaces, of each log and together",
        "bench.platform_counts",
        lambda m, run: m.tables(run.options.events),
    ),
    "superadmin": Part(
        "Pages across workspaces",
        "bench.superadmin",
        lambda m, run: m.tables(run.options.events),
    ),
    "partitions": Part(
        "Making and dropping months",
        "bench.partitions",
        lambda m, run: m.measure(run.options.events, run.options.share),
    ),
    "evidence_api": Part(
        "Proofs by the API", "bench.evidence_api", lambda m, run: m.measure(run.data)
    ),
    "exact_counts": Part(
        "Counts from columns", "bench.exact_counts", lambda m, run: m.measure(run.data)
    ),
    "words_build": Part(
        "Dictionaries of words, made", "bench.words_build", lambda m, run: m.measure(run.data)
    ),
    "evidence": Part("Sealing logs", "bench.evidence_seal", lambda m, run: m.measure(run.data)),
    "evidence-check": Part(
        "Checking a log against its seal",
        "bench.evidence_check",
        lambda m, run: m.measure(run.data),
    ),
    "evidence-file": Part(
        "Files with their proof", "bench.evidence_file", lambda m, run: m.measure(run.data)
    ),
    "load": Part("Mixed load", "bench.load", _load),
    "restarts": Part(
        "Restarts under mixed load", "bench.load", lambda m, run: _load(m, run, restart=True)
    ),
    "peers": Part(
        "Side by side with what people use instead",
        "bench.peers.compare",
        lambda m, run: m.measure(run.data, run.depth, run.options.seconds),
        hours=3,
    ),
}
PARTS = {name: part for name, part in _ALL.items() if find_spec(part.module)}
"""Those whose module is there."""


def chosen(only: list[str], files: Path | None) -> list[str]:
    """The names of the parts to run: those that were asked for, or all that can be run."""
    return only or [name for name, part in PARTS.items() if files or not part.needs_files]
