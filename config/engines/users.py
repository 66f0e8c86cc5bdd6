"""Tracks the processes that use a data folder's engines by shared locks on one file.

The kernel drops the lock however a process ends, so nothing is ever counted wrong. The process
that gets the lock for itself alone is the last user, and stops the engines.

A forked child would inherit its parent's lock, and the parent could then take it exclusively over
the child's head; so each child is given a lock of its own.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.errors import SettingsError

Stop = Callable[[Path], None]

_held: dict[Path, int] = {}
_stops: dict[Path, Stop] = {}
_for_child: dict[Path, int] = {}
_guard = threading.Lock()


def join(data_dir: Path, stop: Stop) -> None:
    """Join the users until this process ends; the last one calls ``stop``.

    Waits while the last user before is stopping the engines.
    """
    with _guard:
        if data_dir not in _held:
            descriptor = open_lock(data_dir, "users.lock")
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            _held[data_dir] = descriptor
            _stops[data_dir] = stop


def leave(data_dir: Path) -> None:
    """Release this process's lock; stop the engines after their last user."""
    with _guard:
        descriptor = _held.pop(data_dir, None)
        stop = _stops.pop(data_dir, None)
    if descriptor is None or stop is None:
        return
    try:
        if taken(descriptor):
            stop(data_dir)
    finally:
        os.close(descriptor)


@contextmanager
def changing(data_dir: Path) -> Iterator[None]:
    """Lock a data folder's engines, so that one process at a time starts or stops them."""
    descriptor = open_lock(data_dir, "change.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    """Try the lock for this process alone, without waiting."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def open_lock(data_dir: Path, name: str) -> int:
    """Open one of the data folder's lock files; an exec closes it."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = data_dir / "run"
        folder.mkdir(mode=0o700, exist_ok=True)
        return os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(
            f"The data folder {data_dir} cannot be used: {error.strerror}."
        ) from error


def _before_fork() -> None:
    # The child's lock is taken before there is a child, or the parent could end in between.
    _guard.acquire()
    for data_dir in _held:
        descriptor = open_lock(data_dir, "users.lock")
        _for_child[data_dir] = descriptor
        fcntl.flock(descriptor, fcntl.LOCK_SH)


def _after_fork_in_parent() -> None:
    for descriptor in _for_child.values():
        os.close(descriptor)
    _for_child.clear()
    _guard.release()


def _after_fork_in_child() -> None:
    for data_dir, descriptor in _for_child.items():
        os.close(_held[data_dir])
        _held[data_dir] = descriptor
    _for_child.clear()
    _guard.release()


def _leave_all() -> None:
    for data_dir in list(_held):
        leave(data_dir)


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
atexit.register(_leave_all)
