"""Runs functions that read a database side by side, so that their statements are sent together.

They take turns in greenlets, as SQLAlchemy's own way of waiting does: no threads, one connection,
one transaction. A function is written as if it ran alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast, overload

import psycopg
from sqlalchemy.orm import Session

from auditsaas.db.pipelining import PipeliningConnection, Reader, Statement

A = TypeVar("A")
B = TypeVar("B")


@overload
def together(session: Session, one: Callable[[], A], two: Callable[[], B], /) -> tuple[A, B]: ...
@overload
def together(session: Session, /, *functions: Callable[[], A]) -> tuple[A, ...]: ...
def together(session: Session, /, *functions: Callable[[], Any]) -> tuple[Any, ...]:
    """Run functions that read through the session side by side, and return their results.

    Each runs until it asks the server; then the next one does. What they ask is sent together, so
    all wait as often as the one of them that asks most often. An error of one is raised once all
    have ended.
    """
    driver = session.connection().connection.driver_connection
    if not isinstance(driver, PipeliningConnection):
        return tuple(function() for function in functions)
    readers = [Reader(function, driver) for function in functions]
    errors: list[BaseException] = []
    asked = {reader: _resumed(reader, errors) for reader in readers}
    while asked := {reader: wanted for reader, wanted in asked.items() if wanted}:
        failed = _failed(driver, [each for wanted in asked.values() for each in wanted], errors)
        asked = {reader: _resumed(reader, errors, failed) for reader in _failed_first(asked)}
    if errors:
        raise errors[0]
    return tuple(reader.result for reader in readers)


def _failed(
    driver: PipeliningConnection, statements: Sequence[Statement], errors: Sequence[BaseException]
) -> BaseException | None:
    """Send the statements of all readers; return the error that ended them."""
    if errors:
        return psycopg.errors.PipelineAborted("another statement beside this one failed")
    try:
        driver.send(statements)
    except psycopg.Error as error:
        return error
    return None


def _failed_first(asked: Mapping[Reader, Sequence[Statement]]) -> Sequence[Reader]:
    """Put the reader first whose statement has no result, which is the one that failed."""
    return sorted(asked, key=lambda reader: all(each.cursor.pgresult for each in asked[reader]))


def _resumed(
    reader: Reader, errors: list[BaseException], failed: BaseException | None = None
) -> Sequence[Statement]:
    """Let a reader go on until it asks again, and return what it asks; nothing once it ended."""
    try:
        wanted = reader.switch() if failed is None else reader.throw(failed)
    except Exception as error:  # noqa: BLE001  # raised once all have ended
        errors.append(error)
        return ()
    return () if reader.dead else cast(Sequence[Statement], wanted)
