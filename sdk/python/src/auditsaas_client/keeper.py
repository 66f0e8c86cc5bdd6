"""The thread that empties the queue into batches. It waits for the disk, never for the network."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import Union

from .batches import LINGER_SECONDS, MAX_BYTES, MAX_EVENTS, Batch, Progress
from .delivery import Delivery
from .sender import Sender
from .spill import SYNC_SECONDS, Spill

OFFER_SECONDS = 0.05


class Mark:
    """Put into the queue by a flush: everything before it has left the queue once it is seen."""

    def __init__(self, *, is_last: bool = False) -> None:
        self.is_last = is_last
        self.epoch = 0
        self.seen = threading.Event()


Item = Union[bytes, Mark]


class Keeper:
    """Hands batches to the sender, or to the folder while the server is away or slow."""

    def __init__(
        self,
        queue: SimpleQueue[Item],
        sender: Sender,
        spill: Spill | None,
        progress: Progress,
        delivery: Delivery,
        *,
        queue_size: int,
        looks_always: bool,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._spill = spill
        self._progress = progress
        self._delivery = delivery
        self._crowded = queue_size // 2
        self._looks_always = looks_always
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Hand nothing to the sender any more."""
        self._stopped.set()

    def run(self) -> None:
        while True:
            batch, mark = self._collect()
            if batch.lines:
                self._progress.begin(batch.epoch)
                self._hand_over(batch)
            if mark is not None:
                self._reach(mark)
                if mark.is_last:
                    return
            if self._spill is not None:
                self._spill.sync()

    def _collect(self) -> tuple[Batch, Mark | None]:
        """Events until there are enough, the first has waited long enough, or a mark comes."""
        first = self._next(self._idle_seconds())
        batch = Batch(self._progress.epoch)
        size = 0
        deadline = time.monotonic() + LINGER_SECONDS
        item = first
        while item is not None:
            if isinstance(item, Mark):
                return batch, item
            batch.lines.append(item)
            size += len(item)
            if len(batch.lines) == MAX_EVENTS or size >= MAX_BYTES:
                break
            item = self._next(deadline - time.monotonic())
        return batch, None

    def _next(self, seconds: float | None) -> Item | None:
        try:
            return self._queue.get(timeout=None if seconds is None else max(seconds, 0.0))
        except Empty:
            return None

    def _idle_seconds(self) -> float | None:
        if self._spill is None or (self._spill.is_empty and not self._looks_always):
            return None
        return SYNC_SECONDS

    def _hand_over(self, batch: Batch) -> None:
        while not self._sender.offer(batch, OFFER_SECONDS):
            if self._is_urgent(batch) and self._spilled(batch):
                return
            if self._stopped.is_set():
                for line in batch.lines:
                    self._delivery.refuse(line, "dropped", ())
                self._progress.end(batch.epoch)
                return
            if self._sender.is_away:
                self._stopped.wait(OFFER_SECONDS)

    def _is_urgent(self, batch: Batch) -> bool:
        waited = time.monotonic() - batch.begun
        return (
            self._stopped.is_set()
            or self._sender.is_away
            or waited > 2 * LINGER_SECONDS
            or self._queue.qsize() > self._crowded
        )

    def _spilled(self, batch: Batch) -> bool:
        if self._spill is None or not self._spill.takes(batch.lines, batch.epoch):
            return False
        self._progress.end(batch.epoch)
        return True

    def _reach(self, mark: Mark) -> None:
        if self._spill is not None:
            self._spill.seal()
        mark.epoch = self._progress.end_epoch()
        self._sender.look()
        mark.seen.set()
