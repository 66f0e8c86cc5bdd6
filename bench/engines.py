"""The embedded engines as somebody with the machine in hand sees them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from config.engines.pids import live_pid
from config.settings import Settings


def stop_postgres_at_once(folder: Path) -> None:
    """What ``pg_ctl stop -m immediate`` does: nothing is finished, nothing is flushed."""
    pid_file = folder / "postgres" / "postmaster.pid"
    pid = live_pid(pid_file)
    if pid is None:
        raise RuntimeError("PostgreSQL does not run")
    os.kill(pid, signal.SIGQUIT)
    while live_pid(pid_file) is not None:
        time.sleep(0.02)


def superuser(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    """A connection that row-level security does not bind."""
    url = make_url(settings.database_url)
    return psycopg.connect(
        host=str(url.query["host"]), dbname=url.database, user="postgres", autocommit=True
    )
