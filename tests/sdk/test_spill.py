"""Events survive a server that is away, a full disk and the end of a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from auditsaas_client import AuditLog, Undelivered

from tests.sdk.loopback import Loopback, Reply
from tests.support.serving import free_port
from tests.support.workers import eventually

Open = Callable[..., AuditLog]


@pytest.fixture
def nowhere() -> str:
    """An address without a server."""
    return f"http://127.0.0.1:{free_port()}"


def names(server: Loopback) -> list[str]:
    return sorted(event["activity"] for event in server.events)


def spilled(folder: Path) -> list[str]:
    lines = [line for file in folder.glob("*.spill") for line in file.read_text().splitlines()]
    return sorted(json.loads(line)["activity"] for line in lines)


def test_restart_sends_events_recorded_without_the_server(
    server: Loopback, nowhere: str, spill: Path, open_log: Open
) -> None:
    before = open_log(nowhere, spill=spill)
    for number in range(3):
        before.record(f"before.{number}", "success", "u_1")
    assert not before.close(timeout=0.1)
    assert spilled(spill) == ["before.0", "before.1", "before.2"]
    open_log(server.url, spill=spill)
    server.wait_for(1)
    assert names(server) == ["before.0", "before.1", "before.2"]
    eventually(lambda: not list(spill.glob("*.spill")), "an empty folder")


def test_exit_without_a_folder_reports_lost_events(nowhere: str, open_log: Open) -> None:
    reports: list[Undelivered] = []
    log = open_log(nowhere, on_undelivered=reports.append)
    for _ in range(3):
        log.record("a.b", "success", "u_1")
    assert not log.close(timeout=0.1)
    assert [report.reason for report in reports] == ["dropped"] * 3
    assert log.counts().dropped == 3


def test_spilled_events_are_sent_when_the_server_is_back(
    server: Loopback, spill: Path, open_log: Open
) -> None:
    log = open_log(server.url, spill=spill)
    server.script.extend([lambda _: Reply(503)] * 3)
    for number in range(3):
        log.record(f"a.{number}", "success", "u_1")
        log.flush(0.05)
    assert log.flush(30)
    assert log.counts().delivered == 3
    assert log.counts().spilled > 0
    assert spilled(spill) == []


def test_full_queue_is_spilled_to_the_folder(nowhere: str, spill: Path, open_log: Open) -> None:
    log = open_log(nowhere, spill=spill, queue_size=1)
    for number in range(50):
        log.record(f"a.{number:02}", "success", "u_1")
    log.close(timeout=0.1)
    assert spilled(spill) == [f"a.{number:02}" for number in range(50)]


def test_full_queue_without_a_folder_drops_and_reports_the_newest(
    nowhere: str, open_log: Open
) -> None:
    reports: list[Undelivered] = []
    log = open_log(nowhere, queue_size=5, on_undelivered=reports.append)
    for number in range(2000):
        log.record(f"a.{number}", "success", "u_1")
    assert reports
    assert all(report.reason == "dropped" for report in reports)
    assert "a.0" not in {report.event["activity"] for report in reports}


def test_a_full_folder_keeps_the_oldest_and_reports_the_rest(
    nowhere: str, spill: Path, open_log: Open
) -> None:
    reports: list[Undelivered] = []
    log = open_log(nowhere, spill=spill, spill_max_bytes=2000, on_undelivered=reports.append)
    log.close(timeout=0.1)
    closed = open_log(nowhere, spill=spill, spill_max_bytes=2000, on_undelivered=reports.append)
    for number in range(30):
        closed.record(f"a.{number:02}", "success", "u_1")
        closed.flush(0.01)
    closed.close(timeout=0.1)
    kept = spilled(spill)
    dropped = sorted(report.event["activity"] for report in reports)
    assert kept
    assert dropped
    assert sorted(kept + dropped) == [f"a.{number:02}" for number in range(30)]
    assert sum(file.stat().st_size for file in spill.glob("*.spill")) <= 2000


def test_torn_last_line_is_skipped_and_the_rest_sent(
    server: Loopback, nowhere: str, spill: Path, open_log: Open, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(nowhere, spill=spill)
    log.record("whole", "success", "u_1")
    log.record("torn", "success", "u_1")
    log.close(timeout=0.1)
    [file] = spill.glob("*.spill")
    os.truncate(file, file.stat().st_size - 20)
    open_log(server.url, spill=spill)
    server.wait_for(1)
    assert names(server) == ["whole"]
    eventually(lambda: not list(spill.glob("*.spill")), "an empty folder")
    assert "that are no event" in caplog.text


def test_last_line_without_a_line_end_is_sent(
    server: Loopback, nowhere: str, spill: Path, open_log: Open
) -> None:
    log = open_log(nowhere, spill=spill)
    log.record("whole", "success", "u_1")
    log.close(timeout=0.1)
    [file] = spill.glob("*.spill")
    os.truncate(file, file.stat().st_size - 1)
    open_log(server.url, spill=spill)
    server.wait_for(1)
    assert names(server) == ["whole"]


def test_invalid_bytes_do_not_block_other_events(
    server: Loopback, nowhere: str, spill: Path, open_log: Open
) -> None:
    log = open_log(nowhere, spill=spill)
    log.record("first", "success", "u_1")
    log.close(timeout=0.1)
    [file] = spill.glob("*.spill")
    file.write_bytes(b"\0" * 3_000_000 + b"\n\xff\xfe\n[]\n" + file.read_bytes())
    open_log(server.url, spill=spill)
    server.wait_for(1)
    assert names(server) == ["first"]


def test_spilled_events_of_another_key_are_not_sent(
    server: Loopback, nowhere: str, spill: Path, open_log: Open
) -> None:
    other = open_log(nowhere, "aud_other", spill=spill)
    other.record("other.workspace", "success", "u_1")
    other.close(timeout=0.1)
    log = open_log(server.url, "aud_mine", spill=spill)
    log.record("mine", "success", "u_1")
    assert log.flush()
    log.close()
    assert names(server) == ["mine"]
    assert spilled(spill) == ["other.workspace"]


def test_new_key_sends_events_spilled_under_an_earlier_one(
    server: Loopback, nowhere: str, spill: Path, open_log: Open
) -> None:
    before = open_log(nowhere, "aud_old", spill=spill)
    before.record("before", "success", "u_1")
    before.close(timeout=0.1)
    open_log(server.url, "aud_new", spill=spill, earlier_keys=["aud_old"])
    server.wait_for(1)
    assert names(server) == ["before"]
    assert server.headers[0]["Authorization"] == "Bearer aud_new"


def test_old_events_are_not_given_up_at_the_first_refusal_of_a_new_process(
    server: Loopback, nowhere: str, spill: Path, open_log: Open
) -> None:
    before = open_log(nowhere, spill=spill)
    before.record("old", "success", "u_1")
    before.close(timeout=0.1)
    [file] = spill.glob("*.spill")
    mark, _, rest = file.name.split("-", 2)
    file.rename(spill / f"{mark}-0000000000000-{rest}")
    server.rule = lambda _: Reply(401)
    log = open_log(server.url, spill=spill, give_up_after=3600)
    server.wait_for(1)
    log.close(timeout=0.1)
    assert spilled(spill) == ["old"]


def test_refused_events_are_kept_beside_the_spilled_ones(
    server: Loopback, spill: Path, open_log: Open
) -> None:
    log = open_log(server.url, spill=spill)
    server.rule = lambda _: Reply(400, {"detail": "Not JSON"})
    log.record("bad", "success", "u_1")
    assert log.flush()
    entry = json.loads((spill / "refused.jsonl").read_text())
    assert (entry["reason"], entry["event"]["activity"]) == ("refused", "bad")
    assert entry["errors"] == [{"field": "", "message": "400 Not JSON"}]


def test_spill_folder_is_private_to_its_owner(nowhere: str, spill: Path, open_log: Open) -> None:
    log = open_log(nowhere, spill=spill)
    log.record("a.b", "success", "u_1")
    log.close(timeout=0.1)
    [file] = spill.glob("*.spill")
    assert (spill.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


APPLICATION = """
    import sys
    from auditsaas_client import AuditLog
    log = AuditLog(sys.argv[1], "aud_test", spill=sys.argv[2], **{options})
    for number in range({events}):
        log.record(f"{name}.{{number}}", "success", "u_1")
    {then}
"""


class Applications:
    """Applications in processes of their own, that record and then do something."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []

    def start(
        self,
        url: str,
        spill: Path,
        *,
        name: str = "a",
        events: int = 3,
        then: str = "",
        options: str = "{}",
    ) -> subprocess.Popen[str]:
        code = textwrap.dedent(APPLICATION).format(
            name=name, events=events, then=then, options=options
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, url, str(spill)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def applications() -> Iterator[Applications]:
    made = Applications()
    yield made
    made.end()


WAIT = "print('ready', flush=True); sys.stdin.read()"


def test_ending_application_sends_all_events(
    server: Loopback, spill: Path, applications: Applications
) -> None:
    assert applications.start(server.url, spill).wait(30) == 0
    assert names(server) == ["a.0", "a.1", "a.2"]


def test_ending_without_the_server_spills_all_events(
    nowhere: str, spill: Path, applications: Applications
) -> None:
    assert applications.start(nowhere, spill).wait(30) == 0
    assert spilled(spill) == ["a.0", "a.1", "a.2"]


@pytest.mark.parametrize(("write_through", "kept"), [(True, ["a.0", "a.1", "a.2"]), (False, [])])
def test_write_through_survives_a_kill(
    nowhere: str, spill: Path, applications: Applications, write_through: bool, kept: list[str]
) -> None:
    killing = "import os; os.kill(os.getpid(), 9)"
    options = f"{{'write_through': {write_through}}}"
    process = applications.start(nowhere, spill, then=killing, options=options)
    assert process.wait(30) == -signal.SIGKILL
    assert spilled(spill) == kept


def test_write_through_events_are_sent_without_a_flush(
    server: Loopback, spill: Path, open_log: Open
) -> None:
    log = open_log(server.url, spill=spill, write_through=True)
    log.record("a.b", "success", "u_1")
    server.wait_for(1)
    assert names(server) == ["a.b"]


def test_spill_folder_belongs_to_its_process_until_that_ends(
    server: Loopback, nowhere: str, spill: Path, applications: Applications, open_log: Open
) -> None:
    living = applications.start(nowhere, spill, options="{'write_through': True}", then=WAIT)
    assert living.stdout is not None
    assert living.stdout.readline() == "ready\n"
    log = open_log(server.url, spill=spill)
    log.record("mine", "success", "u_1")
    assert log.flush()
    log.close()
    assert names(server) == ["mine"]
    living.kill()
    living.wait()
    open_log(server.url, spill=spill)
    eventually(lambda: names(server) == ["a.0", "a.1", "a.2", "mine"], "the other's events")


def test_concurrently_started_processes_send_each_event_once(
    server: Loopback, nowhere: str, spill: Path, applications: Applications
) -> None:
    for number in range(6):
        applications.start(nowhere, spill, name=f"left{number}").wait(30)
    together = [
        applications.start(server.url, spill, name=f"new{number}", then="log.flush(); " + WAIT)
        for number in range(4)
    ]
    expected = sorted(
        [f"left{n}.{i}" for n in range(6) for i in range(3)]
        + [f"new{n}.{i}" for n in range(4) for i in range(3)]
    )
    eventually(lambda: len(server.events) >= len(expected), "all events")
    for process in together:
        process.communicate("")
    assert names(server) == expected
