"""Lines of jobs: one for each that did something, and one an hour for all that did not."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from auditsaas.jobs import job_log
from auditsaas.jobs.job_log import HOUR, IdleRuns


def task(name: str, *, by_beat: bool) -> SimpleNamespace:
    headers = {"request_id": "r", job_log.BY_BEAT: by_beat}
    return SimpleNamespace(name=name, request=SimpleNamespace(id="1", get=headers.get))


def done(name: str, result: object, *args: str, by_beat: bool = True) -> object:
    return job_log.run(task(name, by_beat=by_beat), args, lambda: result)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "auditsaas.jobs")
    return caplog


@pytest.mark.parametrize("result", [0, None, []])
def test_run_of_the_timetable_that_found_nothing_is_not_told(
    said: pytest.LogCaptureFixture, result: object
) -> None:
    assert done("jobs.sweep", result) == result
    assert said.messages == []


@pytest.mark.parametrize(("result", "by_beat"), [(2, True), (None, False)])
def test_what_did_something_or_was_asked_for_is_told(
    said: pytest.LogCaptureFixture, result: object, by_beat: bool
) -> None:
    done("jobs.sweep", result, "0199", by_beat=by_beat)
    assert [message.rpartition(" done ")[0] for message in said.messages] == ["jobs.sweep 0199"]


def test_run_of_the_timetable_that_failed_is_told(said: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError):
        job_log.run(task("jobs.sweep", by_beat=True), (), lambda: 1 // 0)
    assert [record.__dict__["ended"] for record in said.records] == ["failed"]


def test_empty_runs_of_an_hour_are_one_line(said: pytest.LogCaptureFixture) -> None:
    times = iter([0, 5, 10, HOUR, HOUR, HOUR + 5])
    runs = IdleRuns(clock=lambda: next(times))
    for name in ("jobs.sweep", "schedules.tick", "jobs.sweep", "jobs.sweep"):
        runs.note(name)
    assert said.messages == ["Nothing to do: 2 × jobs.sweep, 1 × schedules.tick"]
