"""Keeps a lease alive while its work is done, and ends the work once it is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.jobs.leases import LostLease

BEAT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Held(Protocol):
    """A claim on a row; ``str()`` names the row in the log of the program."""

    @property
    def scope(self) -> Scope: ...

    def renew(self, session: Session, done: int, /) -> bool:
        """Report progress and extend the lease; False where it was lost."""


class Heartbeat:
    """A thread, so that a slow statement or a full disk does not cost the lease.

    It has a connection and short transactions of its own, and ends with the work's process.
    """

    def __init__(self, claim: Held, engine: Engine) -> None:
        self._claim = claim
        self._engine = engine
        self._done = 0
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._interrupt: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")

    @property
    def lost(self) -> bool:
        return self._lost.is_set()

    def interrupts(self, interrupt: Callable[[], None]) -> None:
        """Set what to call, from the heartbeat's thread, when the lease is lost."""
        self._interrupt = interrupt

    def progress(self, done: int) -> None:
        """Note how much is done.

        Raises:
            LostLease: the work is to stop.
        """
        self._done = done
        if self.lost:
            raise LostLease(str(self._claim))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                held = self._beat()
            except SQLAlchemyError as error:
                # The lease outlasts several missed beats; a database that is back is met again.
                log.warning("%s: a heartbeat failed: %s", self._claim, error)
                continue
            if not held:
                self._lose()
                return

    def _beat(self) -> bool:
        with Session(self._engine) as session:
            tenancy.bind(self._claim.scope, session)
            held = self._claim.renew(session, self._done)
            session.commit()
        return held

    def _lose(self) -> None:
        self._lost.set()
        if self._interrupt is None:
            return
        try:
            self._interrupt()
        except Exception:
            # The work notices at its next progress report.
            log.warning("%s: could not interrupt it", self._claim, exc_info=True)
