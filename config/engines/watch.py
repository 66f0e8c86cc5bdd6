"""Waits for the last user of a data folder's engines to end, and stops the engines.

A command that ends as it should has stopped them itself. This little process is there for those
that are killed. It has no part in the work, so it imports little and costs little memory.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from config.engines import users


def start(data_dir: Path) -> None:
    """Start the watching process unless there is one; the caller holds the change lock."""
    if _is_on(data_dir):
        return
    subprocess.run(
        [sys.executable, "-m", "config.engines.watch", str(data_dir)],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )


def dismiss(data_dir: Path) -> None:
    """End the watching process; only for the last user, who has stopped the engines itself."""
    descriptor = users.open_lock(data_dir, "watch.lock")
    try:
        if not users.taken(descriptor):
            os.kill(int(os.pread(descriptor, 20, 0)), signal.SIGTERM)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _is_on(data_dir: Path) -> bool:
    descriptor = users.open_lock(data_dir, "watch.lock")
    try:
        return not users.taken(descriptor)
    finally:
        os.close(descriptor)


def _watch(data_dir: Path) -> None:
    watching = users.open_lock(data_dir, "watch.lock")
    if not users.taken(watching):
        return
    pid = os.fork()
    if pid:
        os.truncate(watching, 0)
        os.pwrite(watching, str(pid).encode(), 0)
        os._exit(0)
    using = users.open_lock(data_dir, "users.lock")
    fcntl.flock(using, fcntl.LOCK_EX)
    from config.engines.shutdown import stop_engines  # late: a waiting process stays small

    if data_dir.is_dir():
        stop_engines(data_dir)
    os.close(watching)  # before new users may come in, who would else count on this watch
    os.close(using)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
