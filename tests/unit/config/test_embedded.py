"""The embedded engines, as the processes that use them see them."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import embedded
from config.errors import SettingsError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]

# Starts both engines, says so, and uses them until its standard input ends.
USER = """
import sys
from pathlib import Path
from config import embedded
folder = Path(sys.argv[1])
print(embedded.start_postgres(folder).owner, embedded.start_redis(folder), flush=True)
sys.stdin.read()
"""

# The same, but what reads the standard input is a fork, which outlives its parent.
FORKING_USER = """
import os, sys
from pathlib import Path
from config import embedded
folder = Path(sys.argv[1])
print(embedded.start_postgres(folder).owner, embedded.start_redis(folder), flush=True)
if not os.fork():
    sys.stdin.read()
"""


@pytest.fixture
def fresh_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="auditsaas-test-") as folder:
        path = Path(folder, "var").resolve()
        yield path
        embedded.stop(path)


def user(fresh_dir: Path, program: str = USER) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(fresh_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def urls(process: subprocess.Popen[str]) -> list[str]:
    """Read what the user printed once both engines ran."""
    assert process.stdout is not None
    return process.stdout.readline().split()


def ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=60)
    return process.returncode


def watch_ended(fresh_dir: Path) -> None:
    """Waits, by the lock that it holds, for the process that watches over killed users."""
    with (fresh_dir / "run" / "watch.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def postmaster(fresh_dir: Path) -> str:
    return (fresh_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0]


def test_roles_reach_one_database_without_administrative_rights(fresh_dir: Path) -> None:
    seen = embedded.start_postgres(fresh_dir)
    rows = []
    for url in (seen.app, seen.platform, seen.owner):
        with connect(url) as connection:
            rows += connection.execute(
                "SELECT current_database(), rolname, rolsuper, rolbypassrls, rolcreaterole"
                " FROM pg_roles WHERE rolname = current_user"
            ).fetchall()
    assert rows == [
        ("auditsaas", "auditsaas_app", False, False, False),
        ("auditsaas", "auditsaas_platform", False, False, False),
        ("auditsaas", "auditsaas_owner", False, False, False),
    ]


def test_only_the_owner_may_create_tables(fresh_dir: Path) -> None:
    seen = embedded.start_postgres(fresh_dir)
    with connect(seen.owner) as connection:
        connection.execute("CREATE TABLE things ()")
    with connect(seen.app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE others ()")


def test_postgres_settings_make_commits_durable(fresh_dir: Path) -> None:
    with connect(embedded.start_postgres(fresh_dir).app) as connection:
        values = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes", "timezone")
        ]
    assert values == [("on",), ("on",), ("on",), ("UTC",)]


def test_postgres_changes_case_of_non_ascii_letters(fresh_dir: Path) -> None:
    with connect(embedded.start_postgres(fresh_dir).app) as connection:
        assert connection.execute("SELECT lower('ÅÉ')").fetchone() == ("åé",)


def test_redis_persists_and_never_evicts(fresh_dir: Path) -> None:
    with redis.Redis.from_url(embedded.start_redis(fresh_dir)) as client:
        kept = client.config_get("append*") | client.config_get("maxmemory-policy")
    assert kept["appendonly"] == "yes"
    assert kept["appendfsync"] == "everysec"
    assert kept["maxmemory-policy"] == "noeviction"


def test_redis_refuses_clients_without_the_password(fresh_dir: Path) -> None:
    port = embedded.start_redis(fresh_dir).rpartition(":")[2].partition("/")[0]
    with (
        redis.Redis(port=int(port), retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_redis_password_is_readable_by_its_owner_only(fresh_dir: Path) -> None:
    embedded.start_redis(fresh_dir)
    assert (fresh_dir / "redis" / "redis.conf").stat().st_mode & 0o077 == 0


def test_concurrent_starts_share_one_server(fresh_dir: Path) -> None:
    first, second = user(fresh_dir), user(fresh_dir)
    assert urls(first) == urls(second) != []
    with connect(embedded.start_postgres(fresh_dir).owner) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert (ended(first), ended(second)) == (0, 0)


def test_a_second_start_joins_the_running_server(fresh_dir: Path) -> None:
    embedded.start_postgres(fresh_dir)
    before = postmaster(fresh_dir)
    embedded.start_postgres(fresh_dir)
    assert postmaster(fresh_dir) == before


def test_command_stops_the_engines_it_started(fresh_dir: Path) -> None:
    command = user(fresh_dir)
    urls(command)
    assert embedded.is_running(fresh_dir)
    assert ended(command) == 0
    assert not embedded.is_running(fresh_dir)


def test_command_leaves_engines_used_by_another_running(fresh_dir: Path) -> None:
    demo, command = user(fresh_dir), user(fresh_dir)
    place = urls(demo)
    urls(command)
    ended(command)
    with connect(place[0]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    ended(demo)
    assert not embedded.is_running(fresh_dir)


def test_engines_stop_when_their_only_user_is_killed(fresh_dir: Path) -> None:
    command = user(fresh_dir)
    urls(command)
    command.kill()
    ended(command)
    watch_ended(fresh_dir)
    assert not embedded.is_running(fresh_dir)


def test_killed_process_no_longer_holds_the_engines(fresh_dir: Path) -> None:
    killed, command = user(fresh_dir), user(fresh_dir)
    urls(killed)
    urls(command)
    killed.kill()
    ended(killed)
    assert embedded.is_running(fresh_dir)
    ended(command)
    assert not embedded.is_running(fresh_dir)


def test_fork_keeps_the_engines_after_its_parent_ends(fresh_dir: Path) -> None:
    parent = user(fresh_dir, FORKING_USER)
    place = urls(parent)
    assert parent.wait(timeout=60) == 0
    with connect(place[0]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    ended(parent)
    watch_ended(fresh_dir)
    assert not embedded.is_running(fresh_dir)


def test_data_survives_stop_and_start(fresh_dir: Path) -> None:
    with connect(embedded.start_postgres(fresh_dir).owner) as connection:
        connection.execute("CREATE TABLE things AS SELECT 7 AS n")
    with redis.Redis.from_url(embedded.start_redis(fresh_dir)) as client:
        client.set("thing", "7")
    embedded.stop(fresh_dir)
    assert not embedded.is_running(fresh_dir)
    with connect(embedded.start_postgres(fresh_dir).owner) as connection:
        assert connection.execute("SELECT n FROM things").fetchone() == (7,)
    with redis.Redis.from_url(embedded.start_redis(fresh_dir)) as client:
        assert client.get("thing") == b"7"


def test_committed_rows_survive_a_killed_server(fresh_dir: Path) -> None:
    with connect(embedded.start_postgres(fresh_dir).owner) as connection:
        connection.execute("CREATE TABLE things AS SELECT 7 AS n")
    os.kill(int(postmaster(fresh_dir)), signal.SIGKILL)
    with connect(embedded.start_postgres(fresh_dir).owner) as connection:
        assert connection.execute("SELECT n FROM things").fetchone() == (7,)


def test_reused_process_id_is_not_taken_for_the_server(fresh_dir: Path) -> None:
    embedded.start_postgres(fresh_dir)
    pid_file = fresh_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    embedded.stop(fresh_dir)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with connect(embedded.start_postgres(fresh_dir).owner) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_redis_takes_another_port_when_its_own_is_taken(fresh_dir: Path) -> None:
    taken = embedded.start_redis(fresh_dir)
    embedded.stop(fresh_dir)
    with tempfile.TemporaryDirectory(prefix="auditsaas-test-") as folder:
        other = Path(folder).resolve()
        (other / "redis").mkdir()
        (other / "redis" / "redis.conf").write_bytes(
            (fresh_dir / "redis" / "redis.conf").read_bytes()
        )
        assert embedded.start_redis(other) == taken
        try:
            assert embedded.start_redis(fresh_dir) != taken
        finally:
            embedded.stop(other)


def test_engines_start_under_a_long_path(fresh_dir: Path) -> None:
    deep = fresh_dir / ("a" * 60) / ("b" * 60)
    try:
        with connect(embedded.start_postgres(deep).app) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        embedded.stop(deep)


def test_engines_start_under_a_path_with_special_characters(fresh_dir: Path) -> None:
    strange = fresh_dir / 'it\'s "$HOME" & more'
    try:
        with connect(embedded.start_postgres(strange).app) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(embedded.start_redis(strange)) as client:
            assert client.ping()
    finally:
        embedded.stop(strange)


def test_stop_without_running_engines_does_nothing(fresh_dir: Path) -> None:
    embedded.stop(fresh_dir)
    assert not fresh_dir.exists()


def test_a_data_folder_that_is_a_file_is_refused_by_name(fresh_dir: Path) -> None:
    fresh_dir.parent.mkdir(exist_ok=True)
    fresh_dir.write_text("")
    with pytest.raises(SettingsError, match=f"The data folder {fresh_dir} cannot be used"):
        embedded.start_postgres(fresh_dir)
    with pytest.raises(SettingsError, match=f"The data folder {fresh_dir} cannot be used"):
        embedded.start_redis(fresh_dir)
    fresh_dir.unlink()


def test_data_of_another_major_version_is_refused_by_name(fresh_dir: Path) -> None:
    (fresh_dir / "postgres").mkdir(parents=True)
    (fresh_dir / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(SettingsError, match=f"{fresh_dir}/postgres was made by PostgreSQL 16"):
        embedded.start_postgres(fresh_dir)


def test_folder_with_foreign_files_is_refused_by_name(fresh_dir: Path) -> None:
    (fresh_dir / "postgres").mkdir(parents=True)
    (fresh_dir / "postgres" / "notes.txt").write_text("")
    with pytest.raises(SettingsError, match=f"{fresh_dir}/postgres is not a PostgreSQL data"):
        embedded.start_postgres(fresh_dir)
