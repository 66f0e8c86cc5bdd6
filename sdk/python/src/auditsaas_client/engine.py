"""The queue, the two threads behind it, and their end."""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from .batches import LINGER_SECONDS, Progress
from .delivery import Delivery
from .keeper import Item, Keeper, Mark
from .reports import Reports, Undelivered, logger
from .sender import Sender
from .spill import ADOPT_SECONDS, Spill, key_mark
from .transport import Transport

REFUSED_FILE = "refused.jsonl"


@dataclass(frozen=True)
class Options:
    """As ``AuditLog`` takes them."""

    url: str
    key: str
    spill: Path | None
    spill_max_bytes: int
    write_through: bool
    earlier_keys: Sequence[str]
    queue_size: int
    timeout: float
    give_up_after: float
    ssl_context: ssl.SSLContext | None


class Engine:
    """One process's way to the log. A forked child makes a new one."""

    def __init__(self, options: Options, reports: Reports) -> None:
        self._options = options
        self._transport = Transport(options.url, options.key, options.timeout, options.ssl_context)
        self._spill = _spill_of(options, reports)
        self._progress = Progress()
        self._delivery = Delivery(self._transport, reports, self._keep_refused)
        self._queue: SimpleQueue[Item] = SimpleQueue()
        # Reentrant, for a signal handler may record while its own thread does.
        self._entry = threading.RLock()
        self._is_closing = False
        look_every = LINGER_SECONDS if options.write_through else ADOPT_SECONDS
        self._sender = Sender(
            self._delivery,
            self._spill,
            self._progress,
            look_every=look_every,
            give_up_after=options.give_up_after,
        )
        self._keeper = Keeper(
            self._queue,
            self._sender,
            self._spill,
            self._progress,
            self._delivery,
            queue_size=options.queue_size,
            looks_always=options.write_through,
        )
        self._threads: list[threading.Thread] = []

    @property
    def has_leftovers(self) -> bool:
        """Whether an earlier process left something to send."""
        return self._spill is not None and self._spill.has_files

    def start(self) -> None:
        # Made here, for a fork marks the threads that were made before it as ended.
        self._threads = [
            threading.Thread(target=part.run, name=f"auditsaas-{name}", daemon=True)
            for name, part in (("keeper", self._keeper), ("sender", self._sender))
        ]
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError as error:  # the interpreter is ending, or has too many
            logger.error("Events are not sent by this process: %s", error)
            self._is_closing = True

    def put(self, line: bytes) -> None:
        """Take one event, without waiting for the network."""
        with self._entry:
            is_open = not self._is_closing and self._queue.qsize() < self._options.queue_size
            if is_open and not self._options.write_through:
                self._queue.put(line)
                return
        if self._spill is not None and self._spill.takes([line], self._progress.epoch):
            return
        if is_open:
            self._queue.put(line)
        else:
            self._delivery.refuse(line, "dropped", ())

    def flush(self, seconds: float | None, *, folder_suffices: bool = False) -> bool:
        """Whether all that was recorded before is settled in time.

        Where the folder suffices, a server that is away is not waited for.
        """
        if not self._threads[0].is_alive():
            return self._is_settled(self._progress.epoch)
        deadline = None if seconds is None else time.monotonic() + seconds
        mark = Mark()
        self._queue.put(mark)
        if not mark.seen.wait(seconds):
            return False
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        leaves_early = folder_suffices and self._spill is not None
        self._progress.wait(
            lambda: self._is_settled(mark.epoch) or (leaves_early and self._sender.is_away), left
        )
        return self._is_settled(mark.epoch)

    def close(self, seconds: float) -> bool:
        """Flush, then spill what is left, or report it as dropped where there is no folder."""
        deadline = time.monotonic() + seconds
        with self._entry:
            if self._is_closing:
                return True
            self._is_closing = True
        self._sender.hurry()
        is_settled = self.flush(seconds, folder_suffices=True)
        self._keeper.stop()
        self._queue.put(Mark(is_last=True))
        self._threads[0].join()
        self._sender.stop()
        self._threads[1].join(max(deadline - time.monotonic(), 0.1))
        self._leave(sender_has_ended=not self._threads[1].is_alive())
        return is_settled

    def abandon(self) -> None:
        """In a forked child: everything here is the parent's to send."""
        self._transport.close()
        if self._spill is not None:
            self._spill.abandon()

    def _leave(self, *, sender_has_ended: bool) -> None:
        for batch in self._sender.unsettled():
            if self._spill is None or not self._spill.takes(batch.lines, batch.epoch):
                for line in batch.lines:
                    self._delivery.refuse(line, "dropped", ())
        if sender_has_ended:
            self._transport.close()
        if self._spill is not None:
            # A thread that still sends reads from these files: then the process's end closes them.
            self._spill.close(keeps_files_open=not sender_has_ended)

    def _is_settled(self, epoch: int) -> bool:
        in_folder = self._spill is not None and self._spill.holds(epoch)
        return self._progress.is_past(epoch) and not in_folder

    def _keep_refused(self, report: Undelivered) -> None:
        """Keep a copy that a person can mend and import; without a folder the callback is all."""
        if self._options.spill is None or report.reason == "dropped":
            return
        errors = [asdict(error) for error in report.errors]
        entry = {"reason": report.reason, "errors": errors, "event": report.event}
        path = self._options.spill / REFUSED_FILE
        with suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                if os.fstat(descriptor).st_size < self._options.spill_max_bytes:
                    os.write(descriptor, json.dumps(entry).encode() + b"\n")
                else:
                    logger.error("%s is full; refused events are only in this log", path)
            finally:
                os.close(descriptor)


def _spill_of(options: Options, reports: Reports) -> Spill | None:
    if options.spill is None:
        return None
    return Spill(
        options.spill,
        options.spill_max_bytes,
        reports,
        key_mark(options.key),
        [key_mark(key) for key in options.earlier_keys],
    )
