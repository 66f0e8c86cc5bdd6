"""One line per job, for operators; one an hour for all that found nothing to do."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

from auditsaas import logs
from config.celery import SETTINGS

TIMETABLE: Final = frozenset(entry["task"] for entry in SETTINGS["beat_schedule"].values())
HOUR: Final = 3600
BY_BEAT: Final = "celery_beat_task"
"""The header of a message that beat sent."""

Result = TypeVar("Result")

log = logging.getLogger("auditsaas.jobs")


class IdleRuns:
    """Counts the runs of the timetable that found nothing to do, and tells of them each hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._runs: Counter[str] = Counter()

    def note(self, name: str) -> None:
        self._runs[name] += 1
        if self._clock() - self._since < HOUR:
            return
        told = ", ".join(f"{number:,} × {name}" for name, number in sorted(self._runs.items()))
        log.info("Nothing to do: %s", told, extra={"kind": "idle", "runs": dict(self._runs)})
        self._since = self._clock()
        self._runs.clear()


_idle = IdleRuns()


def run(task: Any, args: tuple[Any, ...], work: Callable[[], Result]) -> Result:
    """Do the work of ``task``; write how it ended and how long it took, and raise what it raises.

    What beat sends every few seconds is written where it failed, or returns what it did.
    """
    logs.bind(request_id=task.request.get("request_id"), job_id=task.request.id)
    began = time.perf_counter()
    try:
        result = work()
    except BaseException:  # a time limit is none of Exception's
        _write(task, args, "failed", began)
        raise
    if result or not task.request.get(BY_BEAT):
        _write(task, args, "done", began)
    else:
        _idle.note(task.name)
    return result


def _write(task: Any, args: tuple[Any, ...], ended: str, began: float) -> None:
    duration_ms = round((time.perf_counter() - began) * 1000, 1)
    log.info(
        "%s %s %s %.1f ms",
        task.name,
        " ".join(map(str, args)),
        ended,
        duration_ms,
        extra={"kind": "job", "job": task.name, "ended": ended, "duration_ms": duration_ms},
    )
