"""What ``make bench`` measures: one entry for each section of the results, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench import dataset
from bench.dataset import Dataset

DEEP = 1_000_000


@dataclass(frozen=True)
class Options:
    events: int
    share: float
    depth: int | None
    minutes: float
    restart: bool
    seconds: float
    """How long one answer of a peer may take."""


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
    measure: Callable[[Run], Any]
    """Returns a Table, or several; imports what it needs itself, so that parts do not mix."""
    hours: float = 1.0
    """After so long it is given up."""


def _pages(run: Run) -> Any:
    from bench import pages

    return pages.measure(run.data, run.depth), pages.measure_counts(run.data)


def _csv(run: Run) -> Any:
    from bench import csv_export

    return csv_export.measure(run.data)


def _ingest(run: Run) -> Any:
    from bench import ingest

    return ingest.measure(memory_events=min(2_000_000, run.options.events))


def _durability(_run: Run) -> Any:
    from bench import durability

    return durability.measure()


def _superadmin(run: Run) -> Any:
    from bench import superadmin

    return superadmin.measure(superadmin.ready(run.options.events), run.options.events)


def _partitions(run: Run) -> Any:
    from bench import partitions

    return partitions.measure(run.options.events, run.options.share)


def _peers(run: Run) -> Any:
    from bench.peers import compare

    return compare.measure(run.data, run.depth, run.options.seconds)


def _load(run: Run) -> Any:
    from bench import load

    given = run.options
    return load.measure(given.events, given.share, minutes=given.minutes, restart=given.restart)


PARTS: dict[str, Part] = {
    "pages": Part("Pages of the log", _pages),
    "csv": Part("CSV exports", _csv),
    "ingest": Part("Ingest", _ingest),
    "durability": Part("Durability of ingest", _durability),
    "superadmin": Part("Pages across workspaces", _superadmin),
    "partitions": Part("Making and dropping months", _partitions),
    "peers": Part("Side by side with what people use instead", _peers, hours=3),
    "load": Part("Mixed load", _load, hours=3),
}
