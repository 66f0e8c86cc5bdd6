"""Listens to what an application's connections say to PostgreSQL, by libpq's own trace."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import psycopg
from flask import Flask
from psycopg.pq import Trace
from sqlalchemy import Engine, event

from auditsaas.extensions import db

ASKS_FOR_AN_ANSWER = frozenset({"Query", "Sync"})
"""Messages after which the server is waited for; all before them are on their way with them."""


class Wire:
    """The messages that traced connections sent, since the last look."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._traced: list[psycopg.Connection[Any]] = []

    def trace(self, connection: psycopg.Connection[Any], _record: object = None) -> None:
        connection.pgconn.trace(self._file.fileno())
        connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        self._traced.append(connection)

    def stop(self) -> list[psycopg.Connection[Any]]:
        """Stop tracing, for libpq writes what it kept only then; return what can be traced on."""
        left = [each for each in self._traced if not each.closed]
        for connection in left:
            connection.pgconn.untrace()
        self._traced = []
        return left

    def sent(self) -> list[str]:
        """Return the kinds of the messages that were sent, and forget them."""
        left = self.stop()
        self._file.seek(0)
        lines = self._file.read().decode(errors="replace").splitlines()
        self._file.seek(0)
        self._file.truncate()
        for connection in left:
            self.trace(connection)
        return [line.split("\t")[2] for line in lines if line.startswith("F\t")]

    def round_trips(self) -> int:
        """Count how often the server was waited for, and forget it."""
        return sum(kind in ASKS_FOR_AN_ANSWER for kind in self.sent())


@contextmanager
def wire_of(*engines: Engine) -> Iterator[Wire]:
    """Trace what these engines' pools connect meanwhile; those that they have are closed."""
    with tempfile.TemporaryFile() as file:
        wire = Wire(file)
        for engine in engines:
            engine.dispose()
            event.listen(engine, "connect", wire.trace)
        yield wire
        for engine in engines:
            event.remove(engine, "connect", wire.trace)
        wire.stop()


@contextmanager
def wire_of_app(app: Flask) -> Iterator[Wire]:
    """Trace every pool of an application."""
    with app.app_context():
        engines = list(db.engines.values())
    with wire_of(*engines) as wire:
        yield wire
