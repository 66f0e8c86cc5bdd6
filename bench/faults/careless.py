"""The web without one of its cures, for controls: ``CARELESS`` names it."""

from __future__ import annotations

import os
from typing import Any

from auditsaas.api.limits import ClockWindow
from auditsaas.app import create_app
from auditsaas.db import deadlines
from bench.faults.site import DEADLINES, LANES, LIMITS
from config import lanes


def _count_in_redis_only(self: ClockWindow, key: str, expiry: int, cost: int) -> Any:
    return self.storage.incr(key, expiry, amount=cost)


careless = os.environ["CARELESS"]
if careless == DEADLINES:
    deadlines.beyond = lambda statement_timeout_ms: None
    deadlines.PING_SECONDS = None  # type: ignore[assignment]
if careless == LIMITS:
    ClockWindow._used_by_all = _count_in_redis_only  # type: ignore[method-assign]
if careless == LANES:
    lanes.keep_free = lambda worker: None

app = create_app()
