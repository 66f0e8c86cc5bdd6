"""One line per job, for operators."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from auditsaas import logs
from auditsaas.extensions import settings
from config.celery import SETTINGS

TIMETABLE = frozenset(entry["task"] for entry in SETTINGS["beat_schedule"].values())

log = logging.getLogger("auditsaas.jobs")


@contextmanager
def written(task: Any, args: tuple[Any, ...]) -> Iterator[None]:
    """Write how the job of ``task`` ended and how long it took; what it raises is raised on.

    Outside production what beat sends every few seconds is written only where it failed.
    """
    logs.bind(request_id=task.request.get("request_id"), job_id=task.request.id)
    began = time.perf_counter()
    ended = "failed"
    try:
        yield
        ended = "done"
    finally:
        duration_ms = round((time.perf_counter() - began) * 1000, 1)
        production = settings().production
        log.log(
            logging.INFO
            if production or ended == "failed" or task.name not in TIMETABLE
            else logging.DEBUG,
            "%s %s %s %.1f ms",
            task.name,
            " ".join(map(str, args)),
            ended,
            duration_ms,
            extra={"kind": "job", "job": task.name, "ended": ended, "duration_ms": duration_ms},
        )
