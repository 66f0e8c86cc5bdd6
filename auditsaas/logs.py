"""Configures logging: one line an event, JSON in production and plain text elsewhere.

In production a process says nothing else: warnings, errors that nothing caught and those of its
start are lines too. Every line carries what is bound to the work under way, above all
``request_id``: a request binds it, a task takes over that of the request that asked for it.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any

import structlog

from config import settings
from config.errors import SettingsError

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


@contextmanager
def starting(exit_code: int = 1) -> Iterator[None]:
    """Take over what this process says; end it in one line where it cannot start."""
    as_json = settings.is_production()
    install(as_json=as_json)
    if as_json:
        _take_over()
    try:
        yield
    except SettingsError as error:
        log.critical("%s", error)
        sys.exit(exit_code)
    except Exception:
        log.critical("This process cannot start", exc_info=True)
        sys.exit(exit_code)


def _take_over() -> None:
    """Write what Python and Celery would say in words of their own as lines of the log."""
    sys.excepthook = _tell_uncaught
    threading.excepthook = _tell_thread
    sys.unraisablehook = _tell_ignored
    # Celery takes leave here, past all logging, and says nothing where there is no such file.
    vars(sys)["__stdout__"] = None


def _tell_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    log.critical("This process ends: %r", error, exc_info=(kind, error, trace))


def _tell_thread(given: threading.ExceptHookArgs) -> None:
    name = given.thread.name if given.thread else "a thread"
    log.error("%s ends: %r", name, given.exc_value, exc_info=given.exc_value)


def _tell_ignored(given: sys.UnraisableHookArgs) -> None:
    where = given.err_msg or "Exception ignored in"
    log.error("%s: %r", where, given.object, exc_info=given.exc_value)


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
                log.error("An error hook failed: %r", failure)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Write a line about one that cannot be written, such as one whose arguments do not fit."""
        told = "A line of %s cannot be written: %r"
        line = logging.LogRecord(
            log.name, logging.ERROR, record.pathname, 0, told, (record.name, record.msg), None
        )
        with suppress(Exception):
            sys.stderr.write(f"{self.format(line)}\n")


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
            log.error("The error hook %s cannot be loaded: %r", entry.name, failure)


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
