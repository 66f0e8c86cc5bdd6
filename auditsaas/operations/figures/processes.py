"""Figures of the operating system about the processes of this web, added up.

``prometheus_client`` tells them of one process only, and of none where several share figures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Usage of one process."""

    cpu_seconds: float
    memory: int
    """Bytes in RAM (RSS); what processes share is counted for each."""
    files: int
    threads: int


def usage(pid: int) -> Usage:
    """Read one process's usage (proc(5)).

    Raises:
        OSError: it has ended, or is another account's.
    """
    folder = PROC / str(pid)
    # The second field is the program's name, in parentheses, and may hold spaces.
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return Usage(
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        memory=int(fields[21]) * _PAGE,
        files=len(os.listdir(folder / "fd")),
        threads=int(fields[17]),
    )


class Web(Collector):
    """The usual families of processes, of gunicorn's master and its workers together."""

    def __init__(self, master: int) -> None:
        self._master = master

    def collect(self) -> Iterator[Metric]:
        return _families(together(self._master))


def together(master: int) -> list[Usage]:
    """Return the usage of a process and its children; those that end meanwhile are left out."""
    found = []
    for pid in (master, *_children(master)):
        try:
            found.append(usage(pid))
        except OSError:
            continue
    return found


def _families(found: list[Usage]) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "process_cpu_seconds",
        "CPU time of the web's processes; smaller when one was replaced",
        value=sum(each.cpu_seconds for each in found),
    )
    for name, words, value in (
        ("process_resident_memory_bytes", "RAM", sum(each.memory for each in found)),
        ("process_open_fds", "Open files", sum(each.files for each in found)),
        ("auditsaas_process_threads", "Threads", sum(each.threads for each in found)),
        ("auditsaas_processes", "Number", len(found)),
    ):
        yield GaugeMetricFamily(name, f"{words} of the web's processes", value=value)


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in (PROC / f"{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
