"""Tables of a load's report."""

from __future__ import annotations

import threading

from bench.load import report
from bench.load.exporting import Wanted
from bench.load.records import Asked, Records
from bench.load.report import Restarted
from bench.load.watch import Watch


def records(*asked: Asked) -> Records:
    made = Records()
    made.all.extend(asked)
    return made


def test_failure_counts_toward_the_restart_during_which_it_was_answered() -> None:
    asked = records(
        Asked("page", at=9.0, seconds=0.5, failure="503"),
        Asked("page", at=9.0, seconds=2.0, failure="503"),
        Asked("ingest", at=12.0, seconds=0.1, failure="503"),
        Asked("page", at=30.0, seconds=0.1, failure="503"),
    )
    restarted = [Restarted("web", began=10.0, worked=12.0, until=27.0)]
    [row] = report.restarts(asked, [Wanted("1", "csv", asked_at=11, seconds=7)], restarted).rows
    assert row == ["web", "2.0", "1", "1", "0", "1", "1", "0.0", "7"]


def test_failures_are_left_out_of_response_times() -> None:
    fast = [Asked("page", at=n, seconds=0.1, failure=None) for n in range(99)]
    table = report.answers(records(*fast, Asked("page", 100, 60, "TimeoutError")), 1, [])
    assert table.rows[0][1:] == ["100", "1", "100", "100", "100", "100"]
    assert any("1.000%" in note and "TimeoutError: 1" in note for note in table.notes)
    assert any("target 150 ms: reached" in note for note in table.notes)


def test_a_slow_page_misses_the_target() -> None:
    slow = [Asked("deep", at=n, seconds=0.2, failure=None) for n in range(9)]
    table = report.answers(records(*slow), 1, [])
    assert any("p95 of a page 200 ms; target 150 ms: missed" in note for note in table.notes)


def test_memory_growth_after_warm_up_is_reported() -> None:
    watch = Watch(dict, threading.Event())
    watch.samples = [
        (n * 5.0, {"web": 400.0 if n >= 20 else 300.0 + n, "beat": 100.0 + n}) for n in range(101)
    ]
    rows = {row[0]: row for row in watch.table().rows}
    assert rows["web"][-1] == "yes (+0.0 %)"
    assert rows["beat"][-1].startswith("no")
    assert rows["beat"][5] == "+720"
