"""Requests hold their thread no longer than their work takes: nothing that serves one sleeps."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "auditsaas"
APART = ("demo", "operations", "events/maintenance")
"""What no request runs: the demo's processes, operators' commands, and the owner's work."""

BOUNDED = {
    "access/once.py": "a signed-in person's form sent twice waits 2 s at most for its twin",
    "db/deadlines.py": "commands and workers wait out a restart of the database; the web does not",
    "exports/building/sealing.py": "operators' commands wait 90 s at most for a checkpoint",
    "db/replica.py": "waits for a replica, milliseconds, and reads the primary then",
}


def sleeps(source: str) -> bool:
    """Tell whether a module sleeps: itself, or in the database."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = {ast.unparse(call.func).rpartition(".")[2] for call in calls}
    return "sleep" in names or "pg_sleep" in source


def modules() -> dict[str, str]:
    found = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.rglob("*.py")}
    return {name: source for name, source in found.items() if not name.startswith(APART)}


def test_no_module_that_serves_requests_sleeps() -> None:
    assert {name for name, source in modules().items() if sleeps(source)} == BOUNDED.keys()


@pytest.mark.parametrize("source", ["time.sleep(1)", "from time import sleep\nsleep(1)"])
def test_sleeping_module_is_detected(source: str) -> None:
    assert sleeps(source)
    assert not sleeps("time.monotonic()")
