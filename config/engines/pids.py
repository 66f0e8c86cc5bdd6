"""An engine's process, found by its pid file and ended by a signal."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def live_pid(pid_file: Path) -> int | None:
    """Return the process of ``pid_file``, if it lives and works in that file's folder.

    After a restart of the machine or the container the number may be another program's.
    """
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    if pid <= 0 or _gone(pid):
        return None
    here = Path(f"/proc/{pid}/cwd")
    if not Path("/proc/self/cwd").exists():
        return pid
    try:
        return pid if here.samefile(pid_file.parent) else None
    except OSError:
        return None


def end(pid: int, how: signal.Signals, seconds: float) -> None:
    """Signal ``pid`` and wait until it is gone; kill it when ``seconds`` have passed."""
    deadline = time.monotonic() + seconds
    try:
        os.kill(pid, how)
        while not _gone(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
    except ProcessLookupError:
        return


def _gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Tell whether a process is a zombie: ended, but its parent has not asked for the exit code."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"
