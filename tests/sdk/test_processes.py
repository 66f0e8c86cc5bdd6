"""Forks, threads and ends of processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

from auditsaas_client import AsyncAuditLog, AuditLog

from tests.sdk import looping
from tests.sdk.conftest import KEY
from tests.sdk.loopback import Loopback, Reply
from tests.support.workers import eventually

HANGING_SECONDS = 30
NOWHERE = "http://127.0.0.1:1"
Open = Callable[..., AuditLog]


def names(server: Loopback) -> list[str]:
    return sorted(event["activity"] for event in server.events)


def run(code: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), *arguments],
        check=True,
        timeout=60,
    )


FORKING = """
    import os, sys
    from auditsaas_client import AuditLog
    log = AuditLog(sys.argv[1], "aud_test", spill=sys.argv[2])
    log.record("parent.before", "success", "u_1")
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            log.record(f"child.{number}", "success", "u_1")
            sys.exit(0)
        children.append(child)
    log.record("parent.after", "success", "u_1")
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
"""


def test_forked_children_and_their_parent_each_send_what_they_recorded(
    server: Loopback, spill: Path
) -> None:
    run(FORKING, server.url, str(spill))
    expected = ["child.0", "child.1", "child.2", "parent.after", "parent.before"]
    assert names(server) == expected


FORKING_AWAY = """
    import os, sys
    from auditsaas_client import AuditLog
    log = AuditLog(sys.argv[1], "aud_test", spill=sys.argv[2], write_through=True)
    log.record("parent", "success", "u_1")
    if os.fork() == 0:
        print("ready", flush=True)
        sys.stdin.read()
        os._exit(0)
    os.kill(os.getpid(), 9)
"""


def test_child_releases_spill_files_of_an_ended_parent(
    server: Loopback, spill: Path, open_log: Open
) -> None:
    code = textwrap.dedent(FORKING_AWAY)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, NOWHERE, str(spill)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        process.wait()
        open_log(server.url, spill=spill)
        server.wait_for(1)
        process.stdin.close()
    assert names(server) == ["parent"]


MULTIPROCESSING = """
    import multiprocessing, sys
    from auditsaas_client import AuditLog

    def work(log, number):
        log.record(f"child.{number}", "success", "u_1")

    if __name__ == "__main__":
        context = multiprocessing.get_context("fork")
        log = AuditLog(sys.argv[1], "aud_test")
        children = [context.Process(target=work, args=(log, number)) for number in range(3)]
        for child in children:
            child.start()
        for child in children:
            child.join()
"""


def test_multiprocessing_children_send_at_exit(server: Loopback) -> None:
    run(MULTIPROCESSING, server.url)
    assert names(server) == ["child.0", "child.1", "child.2"]


AT_EXIT = """
    import atexit, sys
    from auditsaas_client import AuditLog
    log = None
    atexit.register(lambda: log.record("at.exit", "success", "u_1"))
    import auditsaas_client
    log = AuditLog(sys.argv[1], "aud_test", spill=sys.argv[2])
    log.record("before", "success", "u_1")
    log.close()
    log.record("after", "success", "u_1")
"""


def test_event_recorded_after_close_waits_in_the_spill_folder(
    server: Loopback, spill: Path, open_log: Open
) -> None:
    run(AT_EXIT, server.url, str(spill))
    assert names(server) == ["before"]
    open_log(server.url, spill=spill)
    eventually(lambda: names(server) == ["after", "at.exit", "before"], "the late events")


def test_many_threads_record_each_event_once(server: Loopback, open_log: Open) -> None:
    log = open_log(server.url)

    def work(number: int) -> None:
        for index in range(200):
            log.record(f"t{number}.{index}", "success", "u_1")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush(30)
    assert names(server) == sorted(f"t{n}.{i}" for n in range(8) for i in range(200))
    keys = {event["idempotency_key"] for event in server.events}
    assert len(keys) == 1600


def test_hanging_server_does_not_block_recording(server: Loopback, open_log: Open) -> None:
    released = threading.Event()

    def hanging(_: object) -> Reply:
        released.wait(HANGING_SECONDS)
        return Reply(503)

    server.script.append(hanging)
    log = open_log(server.url)
    log.record("first", "success", "u_1")
    server.wait_for(1)
    started = time.monotonic()
    for _ in range(1000):
        log.record("a.b", "success", "u_1")
    assert time.monotonic() - started < HANGING_SECONDS / 3
    released.set()


def test_close_with_a_hanging_server_spills_everything(
    server: Loopback, spill: Path, open_log: Open
) -> None:
    released = threading.Event()

    def hanging(_: object) -> Reply:
        released.wait(30)
        return Reply(503)

    server.script.append(hanging)
    log = open_log(server.url, spill=spill)
    log.record("first", "success", "u_1")
    server.wait_for(1)
    log.record("second", "success", "u_1")
    assert not log.close(timeout=0.2)
    left = b"".join(file.read_bytes() for file in spill.glob("*.spill"))
    assert left.count(b'"first"') == left.count(b'"second"') == 1
    released.set()


def test_closing_twice_is_harmless(server: Loopback, open_log: Open) -> None:
    log = open_log(server.url)
    log.record("a.b", "success", "u_1")
    assert log.close()
    assert log.close()
    assert names(server) == ["a.b"]


def test_asyncio_records_without_waiting_and_flushes_by_awaiting(server: Loopback) -> None:
    async def application() -> None:
        async with AsyncAuditLog(server.url, KEY) as log:
            for number in range(3):
                log.record(f"a.{number}", "success", "u_1")
            assert await log.flush()
            log.record("a.last", "success", "u_1")

    looping.run(application())
    assert names(server) == ["a.0", "a.1", "a.2", "a.last"]


def test_an_asyncio_flush_lets_other_tasks_run(server: Loopback) -> None:
    released = threading.Event()

    def hanging(_: object) -> Reply:
        released.wait(30)
        return Reply(503)

    server.script.append(hanging)

    async def application() -> None:
        log = AsyncAuditLog(server.url, KEY)
        log.record("a.b", "success", "u_1")
        flushing = asyncio.create_task(log.flush(30))
        await asyncio.to_thread(server.wait_for, 1)
        assert not flushing.done()
        released.set()
        assert await flushing
        await log.close()

    looping.run(application())
