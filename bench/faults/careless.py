"""The web without one of its cures, for controls: ``CARELESS`` names it."""

from __future__ import annotations

import os

from auditsaas.app import create_app
from auditsaas.db import deadlines
from auditsaas.quotas.meter import Meter, Window
from bench.faults.site import DEADLINES, LANES, LIMITS
from config import lanes


def _count_in_redis_only(self: Meter, name: str, amount: int, window: Window, **_: object) -> int:
    return self._shared(name, amount, window)


careless = os.environ["CARELESS"]
if careless == DEADLINES:
    deadlines.beyond = lambda statement_timeout_ms: None
    deadlines.PING_SECONDS = None  # type: ignore[assignment]
if careless == LIMITS:
    Meter.add = _count_in_redis_only  # type: ignore[method-assign]
if careless == LANES:
    lanes.keep_free = lambda worker: None

app = create_app()
