"""Gunicorn's settings; its own environment variable and options go before them:
``GUNICORN_CMD_ARGS="--bind 0.0.0.0:8000 --workers 4"``."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

from config import errors, settings

# Loopback, for TLS and the outside belong to a proxy.
bind = f"127.0.0.1:{settings.port()}"

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


# The master's own words, in the form of all others.
if settings.is_production():
    logconfig_dict = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "auditsaas.logs.json_formatter"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": []},  # the application's own
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False}
        },
    }


def on_starting(_server: object) -> None:
    """Say at once, and once, why production does not start; add up the workers' figures."""
    try:
        settings.refuse_unsafe()
        settings.share_metrics(settings.data_folder() / "run" / f"metrics-{settings.port()}")
    except (errors.SettingsError, OSError) as error:
        sys.exit(str(error))


def child_exit(_server: object, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


# It would be one file per account of the machine, which two installations fight over.
control_socket_disable = True


def post_worker_init(worker: object) -> None:
    """Freeze what is loaded by now, so that garbage collection does not look through it."""
    gc.collect()
    gc.freeze()
