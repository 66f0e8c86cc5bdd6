"""Lines of the process log, and error hooks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from auditsaas import logs


@pytest.fixture
def json_lines() -> Iterator[None]:
    """The process as production has it; the tests' own form afterwards."""
    logs.install(as_json=True)
    logs.bind(request_id="req-1")
    yield
    logs.bind()
    logs.install(as_json=False)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[BaseException, Mapping[str, Any]]]:
    """The errors that an installed error tracker would be given."""
    given: list[tuple[BaseException, Mapping[str, Any]]] = []
    monkeypatch.setattr(logs, "_hooks", [lambda error, fields: given.append((error, dict(fields)))])
    return given


@pytest.mark.usefixtures("json_lines")
def test_a_line_is_one_json_object_with_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("auditsaas.requests").info("GET %s", "/a\nb", extra={"status": 200})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert line["event"] == "GET /a\nb"
    assert (line["request_id"], line["status"], line["level"]) == ("req-1", 200, "info")


@pytest.mark.usefixtures("json_lines")
def test_exception_is_logged_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("no such thing")
    except ValueError:
        logging.getLogger("auditsaas").exception("failed")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no such thing" in json.loads(lines[0])["exception"]


@pytest.mark.usefixtures("json_lines")
def test_an_error_hook_gets_the_exception_and_the_request_id(
    told: list[tuple[BaseException, Mapping[str, Any]]],
) -> None:
    failure = ValueError("no such thing")
    logging.getLogger("auditsaas").error("failed", exc_info=failure)
    assert [(error, fields["request_id"]) for error, fields in told] == [(failure, "req-1")]


@pytest.mark.usefixtures("json_lines")
def test_a_failing_hook_does_not_fail_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(error: BaseException, fields: Mapping[str, Any]) -> None:
        raise RuntimeError("tracker away")

    monkeypatch.setattr(logs, "_hooks", [broken])
    logging.getLogger("auditsaas").error("failed", exc_info=ValueError())


def test_without_production_a_line_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install(as_json=False)
    logging.getLogger("auditsaas").info("GET /login 200")
    assert capsys.readouterr().err.rstrip().endswith("GET /login 200")
