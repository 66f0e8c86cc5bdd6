"""Stops both engines of a data folder."""

from __future__ import annotations

from pathlib import Path

from config.engines import postgres, redis, users


def stop_engines(data_dir: Path) -> None:
    """Stop PostgreSQL and Redis, one process at a time; nothing happens when they do not run."""
    with users.changing(data_dir):
        postgres.stop(data_dir)
        redis.stop(data_dir)
