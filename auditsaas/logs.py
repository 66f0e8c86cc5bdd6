"""Configures logging: one line an event, JSON in production and plain text elsewhere.

Every line carries what is bound to the work under way, above all ``request_id``: a request binds
it, a task takes over that of the request that asked for it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from importlib.metadata import entry_points
from typing import Any

import structlog

ERROR_HOOKS = "auditsaas.error_hooks"
"""Entry-point group: callables of (exception, fields of the line), such as an error tracker's."""

ErrorHook = Callable[[BaseException, Mapping[str, Any]], object]
Fields = MutableMapping[str, Any]

log = logging.getLogger(__name__)


def install(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send everything that is logged in this process through one handler, once."""
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, OneLine)]
    handler = OneLine()
    handler.setFormatter(json_formatter() if as_json else plain_formatter())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(as_json)
    for name in ("auditsaas", "tasks"):
        logging.getLogger(name).setLevel(level)


class OneLine(logging.Handler):
    """The handler that ``install`` makes; it hands exceptions to the error hooks as well."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001  # as every handler does
            self.handleError(record)
        error = record.exc_info[1] if record.exc_info else None
        if error is None or record.levelno < logging.WARNING:
            return
        fields = {**bound(), "logger": record.name, "message": record.getMessage()}
        for hook in error_hooks():
            try:
                hook(error, fields)
            except Exception as failure:  # noqa: BLE001  # not ours, and nothing may stop a line
                sys.stderr.write(f"an error hook failed: {failure!r}\n")


def bind(**fields: str | None) -> None:
    """Let every later line of this request or task carry ``fields``, and nothing older."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**{k: v for k, v in fields.items() if v is not None})


def go_on(request_id: str | None) -> None:
    """Let every later line of this task carry the request that it turned out to be about."""
    if request_id is not None:
        structlog.contextvars.bind_contextvars(request_id=request_id)


def bound() -> dict[str, Any]:
    """Return the fields bound to the current request or task."""
    return structlog.contextvars.get_contextvars()


def error_hooks() -> list[ErrorHook]:
    """Load the installed hooks; report one that cannot be loaded, and leave it out."""
    if _hooks is None:
        _load_hooks()
    return _hooks or []


_hooks: list[ErrorHook] | None = None


def _load_hooks() -> None:
    global _hooks
    _hooks = []
    for entry in entry_points(group=ERROR_HOOKS):
        try:
            _hooks.append(entry.load())
        except Exception as failure:  # noqa: BLE001  # not ours
            sys.stderr.write(f"the error hook {entry.name} cannot be loaded: {failure!r}\n")


def json_formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
    )


def plain_formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        ],
        processors=[structlog.processors.format_exc_info, _plain_line],
    )


def _plain_line(_logger: object, _name: str, fields: Fields) -> str:
    level = fields["level"].upper() + " " if fields["level"] != "info" else ""
    identifier = f" {fields['request_id']}" if "request_id" in fields else ""
    trace = f"\n{fields['exception']}" if fields.get("exception") else ""
    return f"{fields['timestamp']} {level}{fields['event']}{identifier}{trace}"
