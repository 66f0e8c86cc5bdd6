"""What became of the events: counts, and a report for each that will not be stored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

logger = logging.getLogger("auditsaas_client")


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; ``field`` is empty when it is the event as a whole."""

    field: str
    message: str


@dataclass(frozen=True)
class Undelivered:
    """An event that the log will not hold.

    ``reason`` is ``refused`` (by the server, or because it is no JSON), ``conflicting`` (the log
    has another event of the same key and time, with other content), ``dropped`` (there was no
    room left in memory or on the disk, or the application ended) or ``expired`` (the key or the
    address was refused for longer than ``give_up_after``).
    """

    event: Mapping[str, Any]
    reason: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True)
class Counts:
    """Events since this client was made; of this process, but for those found in the folder."""

    recorded: int = 0
    delivered: int = 0
    """Acknowledged by the server, including those that it already had."""
    duplicates: int = 0
    """Of the delivered ones, those that it already had."""
    refused: int = 0
    conflicting: int = 0
    """Their key and time stand for another event, with other content."""
    dropped: int = 0
    expired: int = 0
    spilled: int = 0
    """Written to the folder; they count as delivered once they are."""


class Reports:
    """Counts, and the application's callback; safe from every thread."""

    def __init__(self, on_undelivered: Callable[[Undelivered], None] | None) -> None:
        self._on_undelivered = on_undelivered
        # Reentrant, for a signal handler may record while its own thread is counting.
        self._lock = threading.RLock()
        self._counts: dict[str, int] = {}

    def add(self, **counts: int) -> None:
        with self._lock:
            for name, number in counts.items():
                self._counts[name] = self._counts.get(name, 0) + number

    def counts(self) -> Counts:
        with self._lock:
            return Counts(**self._counts)

    def undelivered(self, report: Undelivered) -> None:
        """Count it, write it to the log, tell the application. Never raises."""
        self.add(**{report.reason: 1})
        why = "; ".join(f"{error.field} {error.message}".strip() for error in report.errors)
        logger.error(
            "Event %s was %s: %s",
            report.event.get("idempotency_key", ""),
            report.reason,
            why or "no room left",
        )
        if self._on_undelivered is None:
            return
        try:
            self._on_undelivered(report)
        except Exception:
            logger.exception("on_undelivered failed")
