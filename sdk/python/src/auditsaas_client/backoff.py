"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
LONGEST_ASKED_SECONDS = 3600.0


class Backoff:
    """Exponential with full jitter, so that a thousand clients do not come back together."""

    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self, retry_after: float | None = None) -> float:
        """Seconds to wait now; never less than the server asked for."""
        ceiling = min(self._longest, self._first * 2 ** min(self._failures, 30))
        self._failures += 1
        jitter = random.uniform(0, ceiling)  # noqa: S311 - spreads load, guards nothing
        return jitter if retry_after is None else retry_after + min(jitter, 1.0)


def retry_after_seconds(value: str | None) -> float | None:
    """``Retry-After`` as seconds from now (RFC 9110, 10.2.3), at most an hour; None if unusable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_ASKED_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_ASKED_SECONDS)
