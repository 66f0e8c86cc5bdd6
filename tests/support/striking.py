"""Ends workers at a statement or commit of a number, in their process or with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from sqlalchemy import Engine, NullPool, create_engine, event
from sqlalchemy.orm import Session


class Struck(BaseException):
    """Ends a worker where it stands, as a signal does."""


def strike_at(engine: Engine, strike: int, blow: Callable[[], None]) -> None:
    """Meet the blow before a statement or commit of a number."""
    numbers = count(1)

    def step(*_: object) -> None:
        if next(numbers) == strike:
            blow()

    event.listen(engine, "before_cursor_execute", step)
    event.listen(engine, "commit", step)


@contextmanager
def worker(url: str, strike: int, blow: Callable[[], None]) -> Iterator[Session]:
    """A worker's session, which meets the blow before its statement or commit of a number."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"options": "-c timezone=UTC"})
    strike_at(engine, strike, blow)
    with Session(engine) as session:
        try:
            yield session
        except Struck:
            session.invalidate()  # the connection is cut, as that of a process that is gone


def struck() -> None:
    raise Struck


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
