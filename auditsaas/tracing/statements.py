"""A span for each statement within a traced request or job: its kind, its table, its pool.

The text is left out: with a cluster, scopes and their tickets are literals in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import ExceptionContext

_OPERATION: Final = re.compile(r"\s*([A-Za-z]+)")
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+([a-z_]{1,63})\b(?!\()")
OPERATIONS: Final = frozenset(
    {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "SET", "COPY", "LOCK", "SAVEPOINT"}
)
_SPAN: Final = "_auditsaas_span"


def install(engines: Iterable[Engine], tracer: Tracer) -> None:
    """Trace what these engines are asked."""

    def begin(
        connection: Any, _cursor: Any, statement: str, _parameters: Any, asked: Any, _many: bool
    ) -> None:
        if not trace.get_current_span().is_recording():
            return
        operation, table = summary(statement)
        attributes = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "auditsaas.pool": connection.engine.pool.logging_name or "",
        }
        if table:
            attributes["db.collection.name"] = table
        name = f"{operation} {table}".strip()
        span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        setattr(asked, _SPAN, span)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", begin)
        event.listen(engine, "after_cursor_execute", _end)
        event.listen(engine, "handle_error", _fail)


@lru_cache(maxsize=4096)
def summary(statement: str) -> tuple[str, str]:
    """Return a statement's kind and the first table that it names, '' where it names none."""
    word = _OPERATION.match(statement)
    operation = word[1].upper() if word else ""
    table = _TABLE.search(statement)
    return operation if operation in OPERATIONS else "OTHER", table[1] if table else ""


def _end(_c: Any, _cursor: Any, _statement: str, _parameters: Any, asked: Any, _many: bool) -> None:
    if (span := _taken(asked)) is not None:
        span.end()


def _fail(failed: ExceptionContext) -> None:
    if (span := _taken(failed.execution_context)) is not None:
        error = failed.original_exception
        span.set_attribute("error.type", getattr(error, "sqlstate", None) or type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        span.end()


def _taken(asked: Any) -> Span | None:
    found: Span | None = getattr(asked, _SPAN, None)
    if found is not None:
        setattr(asked, _SPAN, None)
    return found
