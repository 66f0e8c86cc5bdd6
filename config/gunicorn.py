"""Gunicorn's settings; its own environment variable and options go before them:
``GUNICORN_CMD_ARGS="--bind 0.0.0.0:8000 --workers 4"``.

The master outlives the version that it was started with, for a reload replaces the workers only. So
it imports nothing of the product, whose modules every worker would inherit beside the new ones.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import hashlib
import json
import logging
import os
import shutil
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

M_ARENA_MAX, ARENAS = -8, 2
"""An option of glibc's mallopt(3), and how many pools of memory a worker's threads share."""

PRODUCT = ("auditsaas", "config", "tasks", "wsgi")

# Loopback, for TLS and the outside belong to a proxy.
bind = f"127.0.0.1:{os.environ.get('PORT') or 8000}"

# A page waits for the database most of its time, so threads; two processes, so that one that
# serves a long answer does not hold up everybody.
worker_class = "gthread"
workers = 2
threads = 8

# A filter may name many values; the product itself says in words where they are too many.
limit_request_line = 8190

# Each worker loads the application for itself, so no database connection is shared by a fork.
preload_app = False

timeout = 60
graceful_timeout = 30

# The application writes one line per request itself, with the request id.
accesslog = None

# The heartbeat file must not wait for a disk.
_memory = Path("/dev/shm")  # noqa: S108 - gunicorn makes the file there by mkstemp
worker_tmp_dir = str(_memory) if os.access(_memory, os.W_OK) else None

# It would be one file per account of the machine, which two installations fight over.
control_socket_disable = True


class JsonLine(logging.Formatter):
    """The master's own words, in the form of ``auditsaas.logs``."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def _tell_uncaught(kind: Any, error: Any, trace: Any) -> None:
    logging.getLogger("gunicorn.error").critical("%r", error, exc_info=(kind, error, trace))


if os.environ.get("AUDITSAAS_ENV") == "production":
    sys.excepthook = _tell_uncaught
    logconfig_dict = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLine}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": []},  # the application's own
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False}
        },
    }


def on_starting(server: Any) -> None:
    """Let the workers keep their figures in one folder, emptied first, so that they add up."""
    data = Path(os.environ.get("DATA_DIR") or "var").expanduser().resolve()
    try:
        (data / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data / "run", os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        folder = _emptied(data)
    except OSError as error:
        server.log.critical("The data folder %s cannot be used: %s.", data, error.strerror)
        sys.exit(1)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _emptied(data: Path) -> Path:
    """Make the folder of figures, in memory where that can be: the files are mapped, and the kernel
    ends (SIGBUS) each worker that counts in one on a disk that is full."""
    name = f"metrics-{os.environ.get('PORT') or 8000}"
    own = hashlib.sha256(f"{os.geteuid()} {data}".encode()).hexdigest()[:16]
    for folder in (_memory / f"auditsaas-{own}-{name}", data / "run" / name):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(mode=0o700)
        except OSError:
            continue
        return folder
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def on_exit(_server: object) -> None:
    """Leave no figures behind in memory."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def child_exit(_server: object, worker: Any) -> None:
    """Forget the figures of what a worker that has ended had in use; what it counted stays."""
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    for file in folder.glob(f"gauge_live*_{worker.pid}.db"):
        file.unlink(missing_ok=True)


def post_fork(_server: object, _worker: object) -> None:
    """Bound the pools of memory of the worker's threads, while it has one thread.

    Forget what the master imported, too; that of a version before this one has old settings.
    """
    _share_arenas()
    for name in [name for name in sys.modules if name.partition(".")[0] in PRODUCT]:
        del sys.modules[name]


def _share_arenas() -> None:
    """Let threads share two arenas; by default each has its own, and keeps what was freed there.

    ``MALLOC_ARENA_MAX`` goes before it; other libraries than glibc have no arenas.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def post_worker_init(worker: Any) -> None:
    """Keep threads free for probes; freeze what is loaded, so that collection passes it over.

    Templates are loaded by then: at the first page of a kind, another version's may lie there.
    """
    from config import lanes

    templates = worker.wsgi.jinja_env
    for name in templates.list_templates():
        templates.get_template(name)
    lanes.keep_free(worker)
    gc.collect()
    gc.freeze()
