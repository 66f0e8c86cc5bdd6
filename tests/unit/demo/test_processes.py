"""The demo's processes start and end together, whatever ends them."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from auditsaas.demo import processes
from config import embedded
from config.errors import SettingsError
from tests.support.workers import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]

DEMO = """
import sys
from pathlib import Path
from auditsaas.demo import processes
from config import start
port = int(sys.argv[2])
loaded = start.load(start.demo({"DATA_DIR": sys.argv[1], "PORT": sys.argv[2]}))
sys.exit(processes.run(loaded, port, Path(sys.argv[3]), patience_seconds=1))
"""

SLEEPER = """
import os, time
os.write(1, b"pid %d\\n" % os.getpid())
time.sleep(600)
"""
PARENT = """
import os
os.fork()
os.write(1, b"pid %d\\n" % os.getpid())
os.read(os.pipe()[0], 1)
"""
CHATTER = """
while True:
    print("x" * 80)
"""
# What a pipe holds on Linux.
PIPE_BYTES = 65536
FAILING = "raise SystemExit(3)"


class Demo:
    """A running demo of stand-in programs; ``pids`` are those it said that it started."""

    def __init__(self, folder: Path, *programs: str) -> None:
        procfile = folder / "Procfile"
        lines = []
        for number, program in enumerate(programs):
            (folder / f"p{number}.py").write_text(program)
            lines.append(f"p{number}: exec python {folder}/p{number}.py")
        procfile.write_text("\n".join(lines))
        self.port = free_port()
        self.data_dir = folder / "var"
        self.process = subprocess.Popen(
            [sys.executable, "-c", DEMO, self.data_dir, str(self.port), procfile],
            cwd=ROOT,
            env={name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pids(self, count: int) -> list[int]:
        assert self.process.stdout is not None
        lines = (line.split("| ")[-1].split() for line in self.process.stdout)
        found = (int(words[1]) for words in lines if words[:1] == ["pid"])
        # One that ends at once may take the others along before they have said theirs.
        return list(islice(found, count))

    def is_held_up(self) -> bool:
        """Tell whether the pipe is full of its output."""
        return self._unread() == self._unread() > PIPE_BYTES - 4096

    def _unread(self) -> int:
        assert self.process.stdout is not None
        answer = fcntl.ioctl(self.process.stdout, termios.FIONREAD, b"\0" * 4)
        return int.from_bytes(answer, sys.byteorder)

    def ended(self) -> tuple[int, str]:
        _, error = self.process.communicate(timeout=60)
        return self.process.returncode, error


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="auditsaas-test-") as name:
        path = Path(name).resolve()
        yield path
        embedded.stop(path / "var")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def alive(pid: int) -> bool:
    """Tell whether a process lives; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(*pids: int) -> bool:
    deadline = time.monotonic() + 30
    while any(map(alive, pids)) and time.monotonic() < deadline:
        os.sched_yield()
    return not any(map(alive, pids))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stop_signal_ends_every_process(folder: Path, number: signal.Signals) -> None:
    demo = Demo(folder, SLEEPER, PARENT)
    pids = demo.pids(3)
    os.killpg(demo.process.pid, number)
    assert demo.ended() == (0, "")
    assert not any(map(alive, pids))
    assert not embedded.is_running(demo.data_dir)


def test_stop_signal_during_a_blocked_write_ends_without_an_error(folder: Path) -> None:
    demo = Demo(folder, SLEEPER, CHATTER)
    pids = demo.pids(1)
    eventually(demo.is_held_up, "a demo that waits for its output to be read")
    demo.process.send_signal(signal.SIGINT)
    assert demo.ended() == (0, "")
    assert not any(map(alive, pids))


def test_failed_process_ends_the_others_and_is_named(folder: Path) -> None:
    demo = Demo(folder, SLEEPER, FAILING)
    pids = demo.pids(1)
    code, error = demo.ended()
    assert (code, error) == (3, "p1 ended by itself with code 3; all stopped.\n")
    assert not any(map(alive, pids))
    assert not embedded.is_running(demo.data_dir)


def test_process_that_exits_with_0_ends_the_demo_as_failed(folder: Path) -> None:
    demo = Demo(folder, SLEEPER, "pass")
    assert demo.ended() == (1, "p1 ended by itself with code 0; all stopped.\n")


def test_killed_demo_ends_its_processes(folder: Path) -> None:
    demo = Demo(folder, SLEEPER, PARENT)
    pids = demo.pids(3)
    demo.process.kill()
    demo.ended()
    assert gone(*pids)


def test_closed_output_ends_every_process(folder: Path) -> None:
    demo = Demo(folder, SLEEPER, CHATTER)
    pids = demo.pids(1)
    assert demo.process.stdout is not None
    demo.process.stdout.close()
    assert demo.process.wait(timeout=60) == 1
    assert not any(map(alive, pids))


def test_processes_get_port_and_data_folder(folder: Path) -> None:
    demo = Demo(folder, "import os; print('at', os.environ['PORT'], os.environ['DATA_DIR'])")
    output, _ = demo.process.communicate(timeout=60)
    assert f"| at {demo.port} {demo.data_dir}\n" in output


def test_port_in_use_is_refused_before_anything_starts(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sentence = f"^Port {port} is in use. Choose another: make demo PORT={port + 1}$"
        with pytest.raises(SettingsError, match=sentence):
            processes.claim(folder / "var", port)
    assert not (folder / "var").exists()


def test_a_folder_of_a_running_demo_is_refused_by_name(folder: Path) -> None:
    demo = Demo(folder, SLEEPER)
    demo.pids(1)
    with pytest.raises(SettingsError, match=f"demo is running on the data folder {demo.data_dir}"):
        processes.claim(demo.data_dir, free_port())
    demo.process.send_signal(signal.SIGINT)
    assert demo.ended()[0] == 0
    processes.claim(demo.data_dir, free_port())
