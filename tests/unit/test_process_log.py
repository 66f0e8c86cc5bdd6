"""What a process says in production, from its start to its end: lines of JSON, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.workers import ROOT

BEGIN = "from auditsaas import logs\nfrom config.errors import SettingsError\n"
STARTED = f"{BEGIN}with logs.starting(): pass\n"


def run(program: str, env: str = "production") -> tuple[int, str]:
    """Run a program as a process of its own; its exit code, and all that it said."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"AUDITSAAS_ENV": env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


@pytest.mark.parametrize(
    ("program", "event", "code"),
    [
        ("raise ValueError('gone')", "This process ends: ValueError('gone')", 1),
        (
            "from threading import Thread\nThread(target=lambda: 1 / 0, name='poller').start()",
            "poller ends: ZeroDivisionError('division by zero')",
            0,
        ),
        (
            "class Shelf:\n    def __del__(self): raise OSError('no room')\nShelf()",
            "Exception ignored in: <function Shelf.__del__",
            0,
        ),
        ("import warnings\nwarnings.warn('of old\\nand new')", "of old\nand new", 0),
        (
            "import logging\nlogging.getLogger('kombu').error('%d of %s', 'x')",
            "A line of kombu cannot be written: '%d of %s'",
            0,
        ),
    ],
    ids=["uncaught", "thread", "destructor", "warning", "misfit"],
)
def test_whatever_goes_wrong_is_one_line_of_json(program: str, event: str, code: int) -> None:
    ended, said = run(STARTED + program)
    assert ended == code, said
    (line,) = lines(said)
    assert event in line["event"]


@pytest.mark.parametrize(
    ("error", "event"),
    [
        ("SettingsError('REDIS_URL is not set.')", "REDIS_URL is not set."),
        ("RuntimeError('broken')", "This process cannot start"),
    ],
)
def test_start_that_fails_is_one_line_and_the_exit_code(error: str, event: str) -> None:
    ended, said = run(f"{BEGIN}with logs.starting(3): raise {error}")
    assert ended == 3
    (line,) = lines(said)
    assert (line["event"], line["level"]) == (event, "critical")


def test_outside_of_production_python_tells_uncaught_errors_itself() -> None:
    """The control."""
    ended, said = run(f"{STARTED}raise ValueError('gone')", env="")
    assert ended == 1
    assert said.startswith("Traceback (most recent call last):")
