"""``AuditLog`` and ``AsyncAuditLog``: the one object that an application makes."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable

from . import processes
from .engine import Engine, Options
from .events import ActorLike, Changes, TargetLike, UnusableEvent, complete, encoded
from .reports import Counts, FieldError, Reports, Undelivered

if TYPE_CHECKING:
    from typing_extensions import Self


class Recorder:
    """What both kinds of log are: events of one workspace, sent by background threads.

    Safe to share between threads, and to make before a fork. ``url`` is where AuditSaaS answers,
    without ``/api/v1``; ``key`` is an API key with the scope ``events:write``.

    Args:
        spill: folder for events that the server cannot take now. Without one they wait in memory
            only, and are lost with the process.
        spill_max_bytes: what the folder may hold; then new events are dropped, and reported.
        write_through: write each event to the folder before ``record`` returns, so that not even
            ``kill -9`` loses one.
        earlier_keys: keys that the folder's events may have been recorded for, when the key of the
            workspace was exchanged.
        queue_size: how many events wait in memory.
        timeout: seconds for one step of talking to the server: connecting, sending, reading.
        give_up_after: seconds after which events are given up that only meet a refused key or a
            wrong address. A server that is away is tried for ever.
        on_undelivered: called with each event that will not be stored, from whichever thread finds
            out; it should be quick.
        ssl_context: for a certificate authority of your own.
        enabled: False makes every call do nothing, for tests.

    Raises:
        ValueError: the url or key cannot be one.
        OSError: the folder cannot be made.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        spill: str | os.PathLike[str] | None = None,
        spill_max_bytes: int = 256 << 20,
        write_through: bool = False,
        earlier_keys: Sequence[str] = (),
        queue_size: int = 10_000,
        timeout: float = 10.0,
        give_up_after: float = 7 * 86_400.0,
        on_undelivered: Callable[[Undelivered], None] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        enabled: bool = True,
    ) -> None:
        if spill is not None and sys.platform == "win32":
            raise ValueError("spill needs the file locks of Linux, macOS or another POSIX system")
        if write_through and spill is None:
            raise ValueError("write_through needs a spill folder")
        self._options = Options(
            url=url,
            key=key,
            spill=None if spill is None else Path(spill).absolute(),
            spill_max_bytes=spill_max_bytes,
            write_through=write_through,
            earlier_keys=tuple(earlier_keys),
            queue_size=queue_size,
            timeout=timeout,
            give_up_after=give_up_after,
            ssl_context=ssl_context,
        )
        self._enabled = enabled
        self._on_undelivered = on_undelivered
        self._is_started = False
        if enabled:
            self._reports = Reports(on_undelivered)
            self._engine = Engine(self._options, self._reports)
            if self._engine.has_leftovers:
                self._start()

    def record(
        self,
        activity: str,
        status: str,
        actor: ActorLike,
        *,
        occurred_at: datetime | str | None = None,
        idempotency_key: str | None = None,
        method: str | None = None,
        path: str | None = None,
        status_code: int | None = None,
        ip: str | None = None,
        user_agent: str | None = None,
        duration_ms: float | None = None,
        request_id: str | None = None,
        targets: Iterable[TargetLike] | None = None,
        changes: Changes | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Take one event; it is sent in the background. Never waits for the network.

        ``status`` is ``success`` or ``error``; ``actor`` may be just an id. An event that cannot be
        stored is reported, not raised: recording never breaks what is recorded.
        """
        if not self._enabled:
            return
        fields = {
            "activity": activity,
            "status": status,
            "actor": actor,
            "occurred_at": occurred_at,
            "idempotency_key": idempotency_key,
            "method": method,
            "path": path,
            "status_code": status_code,
            "ip": ip,
            "user_agent": user_agent,
            "duration_ms": duration_ms,
            "request_id": request_id,
            "targets": targets,
            "changes": changes,
            "metadata": metadata,
        }
        self._reports.add(recorded=1)
        try:
            line = encoded(complete(fields))
        except UnusableEvent as error:
            found = (FieldError(error.field, error.message),)
            self._reports.undelivered(Undelivered(fields, "refused", found))
            return
        if not self._is_started:
            self._start()
        self._engine.put(line)

    def counts(self) -> Counts:
        """Count the events so far by their outcome."""
        return self._reports.counts() if self._enabled else Counts()

    def start_afresh(self) -> None:
        """In a forked child: nothing is shared with the parent, and no thread came along."""
        self._engine.abandon()
        self._reports = Reports(self._on_undelivered)
        self._engine = Engine(self._options, self._reports)
        self._is_started = False

    def _start(self) -> None:
        with processes.starting:
            if not self._is_started:
                processes.entered(self)
                self._engine.start()
                self._is_started = True

    def end(self, timeout: float) -> bool:
        """Flush and end; what is left goes to the folder. Whether nothing was left."""
        if not self._is_started:
            return True
        try:
            return self._engine.close(timeout)
        finally:
            processes.left(self)

    def _settle(self, timeout: float | None) -> bool:
        return not self._is_started or self._engine.flush(timeout)


class AuditLog(Recorder):
    __doc__ = Recorder.__doc__

    def flush(self, timeout: float | None = 10.0) -> bool:
        """Wait until all that was recorded before is stored or refused; whether it was in time.

        What an earlier process left in the folder is not waited for.
        """
        return self._settle(timeout)

    def close(self, timeout: float = 5.0) -> bool:
        """Flush and end; what is left goes to the folder. Whether nothing was left.

        A process that ends does this by itself. What is recorded afterwards goes to the folder.
        """
        return self.end(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncAuditLog(Recorder):
    """``AuditLog`` for asyncio: ``record`` is a plain call, for it never waits; waiting is awaited.

    The same threads send. A loop that stalls or ends would hold up or lose what a task of its own
    was to send; threads outlive it, and one log serves any number of loops and code outside them.
    """

    async def flush(self, timeout: float | None = 10.0) -> bool:
        """As ``AuditLog.flush``."""
        return await asyncio.to_thread(self._settle, timeout)

    async def close(self, timeout: float = 5.0) -> bool:
        """As ``AuditLog.close``."""
        return await asyncio.to_thread(self.end, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
