"""The demo's processes, run from the Procfile by honcho as one: they start and end together."""

# mypy: allow-untyped-calls
# (honcho has no types)

from __future__ import annotations

import io
import multiprocessing
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import honcho.manager
from honcho.compat import ProcessManager
from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer
from honcho.process import Process

from config.engines import users
from config.errors import SettingsError
from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PROCFILE = ROOT / "Procfile"

# A page or a task that is nearly done may finish; honcho's own five seconds are short for that.
_PATIENCE_SECONDS = 15

_claims: dict[Path, int] = {}


def claim(data_dir: Path, port: int) -> None:
    """Make this process the one demo of ``data_dir`` until it ends; start nothing.

    Raises SettingsError when the port is taken or another demo runs on the folder.
    """
    _refuse_taken(port)
    if data_dir in _claims:
        return
    descriptor = users.open_lock(data_dir, "demo.lock")
    if not users.taken(descriptor):
        os.close(descriptor)
        raise SettingsError(
            f"A demo is running on the data folder {data_dir}. "
            "Stop it, or choose another: make demo DATA_DIR=./var2"
        )
    _claims[data_dir] = descriptor


def run(
    settings: Settings,
    port: int,
    procfile: Path = PROCFILE,
    patience_seconds: int = _PATIENCE_SECONDS,
) -> int:
    """Run every process of the Procfile until Ctrl-C or until one of them ends.

    SIGTERM and a closed terminal are the same. Returns the exit code, 0 if it was asked to stop.

    What has not ended ``patience_seconds`` after it was asked to is killed.
    """
    claim(settings.data_dir, port)
    honcho.manager.KILL_WAIT = patience_seconds
    manager = _Manager()
    for name, command in parse_procfile(procfile.read_text()).processes.items():
        manager.add_process(name, f"{_exports(settings.data_dir, port)}; {command}", cwd=ROOT)
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        manager.loop()
    except (KeyError, OSError):
        pass  # asked to stop before all had started, or the output has no reader any more
    finally:
        manager.end_all()
    return manager.exit_code()


def _exports(data_dir: Path, port: int) -> str:
    """Write shell exports: this environment's programs first, and the demo's own settings."""
    programs = shlex.quote(str(Path(sys.executable).parent))
    settings = f"PORT={port} DATA_DIR={shlex.quote(str(data_dir))}"
    return f'export PATH={programs}:"$PATH" AUDITSAAS_ENV="${{AUDITSAAS_ENV:-demo}}" {settings}'


class _Tethered(Process):
    """Ends its program when the demo itself is killed, and can no longer do that."""

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        threading.Thread(target=self._end_with_demo, daemon=True).start()
        super().run(events, ignore_signals)

    def _end_with_demo(self) -> None:
        demo = multiprocessing.parent_process()
        if demo is None:
            return
        demo.join()
        if self._child is not None:
            _signal_group(self._child.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(honcho.manager.KILL_WAIT)
            _signal_group(self._child.pid, signal.SIGKILL)
        os._exit(1)


class _Leaders(ProcessManager):
    """Signals for honcho: the whole group is killed, but only its first process asked to end,
    for it winds its own children down, and Celery's lose their task when asked themselves."""

    def terminate(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def kill(self, pid: int) -> None:
        _signal_group(pid, signal.SIGKILL)


class _Manager(Manager):
    def __init__(self) -> None:
        super().__init__(Printer(_unbuffered(sys.stdout)))
        self.ended_first: str | None = None
        self._process_ctor = _Tethered
        self._procmgr = _Leaders()

    def terminate(self) -> None:
        if not self._terminating:
            ended = (name for name, process in self._processes.items() if "returncode" in process)
            self.ended_first = next(ended, None)
        super().terminate()

    def end_all(self) -> None:
        """End every process, whatever made the loop end; cannot be interrupted."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        running = [one["process"] for one in self._processes.values() if "process" in one]
        asked: set[int] = set()
        deadline = time.monotonic() + honcho.manager.KILL_WAIT
        while any(process.is_alive() for process in running) and time.monotonic() < deadline:
            # Read on, to learn of the last that started, and because a full queue holds them up.
            with suppress(queue.Empty):
                message = self.events.get(timeout=0.05)
                if message.type == "start":
                    self._processes[message.name]["pid"] = message.data["pid"]
            for pid in self._pids() - asked:
                self._procmgr.terminate(pid)
                asked.add(pid)
        for pid in self._pids():
            self._procmgr.kill(pid)
        for process in running:
            process.kill()
            process.join()

    def _pids(self) -> set[int]:
        return {one["pid"] for one in self._processes.values() if "pid" in one}

    def exit_code(self) -> int:
        if self.ended_first is None:
            return 0 if self._terminating else 1
        code = self._processes[self.ended_first]["returncode"]
        sys.stderr.write(f"{self.ended_first} ended by itself with code {code}; all stopped.\n")
        return code if 0 < code < 126 else 1


def _unbuffered(stream: TextIO) -> TextIO:
    """Reopen the output without a buffer.

    Honcho prints in its signal handlers as well, and a buffer refuses to be entered twice; nor
    shall anything be left to write when the other end has gone away.
    """
    stream.flush()
    raw = io.FileIO(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(raw, encoding=stream.encoding, errors="replace", write_through=True)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise SettingsError(
                f"Port {port} is not for ordinary users. Choose another: make demo PORT=8000"
            ) from None
        except OSError:
            another = port + 1 if port < 65535 else 8000
            raise SettingsError(
                f"Port {port} is in use. Choose another: make demo PORT={another}"
            ) from None
