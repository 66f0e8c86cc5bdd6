"""Modules that a process loads before it serves; web, worker and beat each pay for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATE = ("weasyprint", "alembic", "pikepdf", "pyarrow", "xlsxwriter", "boto3")


@pytest.mark.parametrize("module", ["auditsaas.app", "tasks.exports", "tasks.maintenance"])
def test_heavy_libraries_are_not_imported_at_start(module: str) -> None:
    """WeasyPrint also needs Pango, without which all but PDF files must work."""
    program = f"import {module}, sys; print(*(name for name in {LATE!r} if name in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []
