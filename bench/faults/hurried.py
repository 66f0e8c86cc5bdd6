"""Celery as operators run it, with the product's waiting times shortened, so that what a fault
costs is seen through in seconds: ``python -m bench.faults.hurried worker …``.

Only the times differ. ``WITHOUT`` in the environment names entries of the timetable to leave out,
and ``LEAK`` how many bytes every task keeps for ever; both are for controls.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

from auditsaas.jobs import heartbeat, leases
from config import celery as timetable

LEASE = timedelta(seconds=4)
SOFT_LIMIT = timedelta(seconds=10)
HARD_LIMIT = timedelta(seconds=12)
HINT_LIFETIME = timedelta(seconds=5)

_kept: list[bytearray] = []


def hurry() -> None:
    """Shorten the times of this process; call it before anything of ``tasks`` is imported."""
    leases.LEASE = LEASE
    leases.MESSAGE_GRACE = timedelta(seconds=1)
    heartbeat.BEAT_SECONDS = 0.5
    timetable.HINT_LIFETIME = HINT_LIFETIME  # type: ignore[misc]
    timetable.BUILD_SOFT_LIMIT = SOFT_LIMIT  # type: ignore[misc]
    timetable.SETTINGS["task_annotations"]["exports.build"] = {
        "soft_time_limit": SOFT_LIMIT.total_seconds(),
        "time_limit": HARD_LIMIT.total_seconds(),
    }
    beats = timetable.SETTINGS["beat_schedule"]
    for name in filter(None, os.environ.get("WITHOUT", "").split(",")):
        del beats[name]
    for beat in beats.values():
        if beat["schedule"] in (timetable.SWEEP_EVERY, timetable.TICK_EVERY):
            beat["schedule"] = timedelta(seconds=1)


def _leak(**_: Any) -> None:
    _kept.append(bytearray(os.urandom(1)) * int(os.environ["LEAK"]))


def main() -> None:
    hurry()
    from celery.bin.celery import main as celery
    from celery.signals import task_postrun

    if os.environ.get("LEAK"):
        task_postrun.connect(_leak, weak=False)
    sys.argv = ["celery", "--quiet", "--app", "tasks.worker", *sys.argv[1:]]
    celery()


if __name__ == "__main__":
    main()
