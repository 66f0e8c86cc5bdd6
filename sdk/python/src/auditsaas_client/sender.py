"""The thread that talks to the server: what is handed to it first, then what is spilled."""

from __future__ import annotations

import threading
import time

from .backoff import Backoff
from .batches import LINGER_SECONDS, Batch, Progress
from .delivery import Delivery, Held
from .reports import FieldError, logger
from .spill import Spill

MISDIRECTED_FIRST_SECONDS = 30.0
MISDIRECTED_LONGEST_SECONDS = 600.0


class Sender:
    """Delivers batch by batch; what fails is spilled, or kept in memory where it cannot be."""

    def __init__(
        self,
        delivery: Delivery,
        spill: Spill | None,
        progress: Progress,
        *,
        look_every: float,
        give_up_after: float,
    ) -> None:
        self.is_away = False
        self.current: Batch | None = None
        """What is in memory and not settled: being sent, or kept for the next attempt."""
        self._delivery = delivery
        self._spill = spill
        self._progress = progress
        self._look_every = look_every
        self._give_up_after = give_up_after
        self._slot: Batch | None = None
        self._wake = threading.Event()
        self._wake.set()  # for what an earlier process left
        self._taken = threading.Event()
        self._hurry = threading.Event()
        self._stopped = threading.Event()
        self._misdirected_since: float | None = None
        self._backoff = Backoff()
        self._misdirected = Backoff(MISDIRECTED_FIRST_SECONDS, MISDIRECTED_LONGEST_SECONDS)

    def offer(self, batch: Batch, seconds: float) -> bool:
        """Whether the batch was taken; called by one thread only."""
        if self._slot is not None:
            self._taken.wait(seconds)
        self._taken.clear()
        if self._slot is not None or self.is_away or self._stopped.is_set():
            return False
        self._slot = batch
        self._wake.set()
        return True

    def look(self) -> None:
        """There may be something new in the folder."""
        self._wake.set()

    def hurry(self) -> None:
        """Try again now, unless the server named a time."""
        self._hurry.set()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()
        self._hurry.set()

    def unsettled(self) -> list[Batch]:
        """Return the batches that are in memory only. Exact once the thread has ended."""
        return [batch for batch in (self.current, self._slot) if batch is not None]

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._step()
            except Exception:  # noqa: BLE001 - logged; sending goes on
                logger.exception("Sending failed")
                self._pause(Held([], "failed"))

    def _step(self) -> None:
        if self.current is None:
            self._wait_for_work()
            self.current, self._slot = self._slot, None
            self._taken.set()
        if self.current is not None and not self._stopped.is_set():
            self._send_current(self.current)
        if self.current is None and not self._stopped.is_set():
            self._send_spilled()

    def _wait_for_work(self) -> None:
        seconds: float | None = None
        if self._spill is not None:
            seconds = self._look_every if self._spill.is_empty else LINGER_SECONDS
        if not self.is_away:
            self._wake.wait(seconds)
        self._wake.clear()

    def _send_current(self, batch: Batch) -> None:
        held = self._delivery.send(batch.lines)
        if self._stopped.is_set() and held is not None:
            return
        if held is not None:
            age = time.monotonic() - batch.begun
            batch.lines = self._given_up(held, age)
        if held is None or not batch.lines or self._spilled(batch):
            self.current = None
            self._progress.end(batch.epoch)
        self._after(held)

    def _send_spilled(self) -> None:
        segment = self._spill.first() if self._spill is not None else None
        if segment is None or self._spill is None:
            self.is_away = False
            return
        lines = segment.next_lines()
        held = self._delivery.send(lines) if lines else None
        if self._stopped.is_set():
            return
        segment.settled(len(lines), self._given_up(held, segment.age) if held else ())
        if not segment.next_lines():
            self._spill.done(segment)
            self._progress.changed()
        if self._spill.is_ready:
            self._wake.set()
        if lines:
            self._after(held)

    def _given_up(self, held: Held, age: float) -> list[bytes]:
        """Return the events that are still worth another attempt."""
        if not held.misdirected:
            self._misdirected_since = None
            return held.lines
        now = time.monotonic()
        if self._misdirected_since is None:
            self._misdirected_since = now
        # Old events alone are no reason: they may have just been found by a restarted process.
        if min(age, now - self._misdirected_since) < self._give_up_after:
            return held.lines
        for line in held.lines:
            self._delivery.refuse(line, "expired", [FieldError("", held.why)])
        return []

    def _spilled(self, batch: Batch) -> bool:
        return self._spill is not None and self._spill.takes(batch.lines, batch.epoch)

    def _after(self, held: Held | None) -> None:
        if held is not None:
            self._pause(held)
            return
        if self.is_away:
            logger.info("The audit log takes events again")
        self.is_away = False
        self._misdirected_since = None
        self._backoff.succeeded()
        self._misdirected.succeeded()

    def _pause(self, held: Held) -> None:
        if held.misdirected:
            logger.error("The audit log refuses this key or address: %s", held.why)
        elif not self.is_away:
            logger.warning("The audit log is away, events wait: %s", held.why)
        self.is_away = True
        self._progress.changed()
        if self._slot is not None and self._spilled(self._slot):
            batch, self._slot = self._slot, None
            self._progress.end(batch.epoch)
        backoff = self._misdirected if held.misdirected else self._backoff
        seconds = backoff.failed(held.retry_after)
        (self._hurry if held.retry_after is None else self._stopped).wait(seconds)
        self._hurry.clear()
