"""Checks how far the dictionaries are, by which text is searched."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from auditsaas.db import platform
from auditsaas.db.platform import JOBS
from auditsaas.operations.checks.check import Sight, either
from auditsaas.operations.figures import dictionaries
from auditsaas.operations.finding import Finding, ok, warn


def _words(sight: Sight) -> Finding:
    with platform.bind(Session(sight.platform), JOBS) as session:
        found = dictionaries.read(session, datetime.now(UTC))
    said = (
        f"of {found.taken_in:,} of {found.events:,} events are in dictionaries ({found.share:.1%})"
    )
    if found.late:
        logs = "1 log waits" if found.late == 1 else f"{found.late:,} logs wait"
        return warn(
            "words",
            f"{said}; {logs} for longer than a minute",
            "See that beat and the maintenance worker run, and the worker's log: what is not in"
            " a dictionary is searched event by event.",
        )
    return ok("words", said)


CHECKS = (either("words", _words),)
