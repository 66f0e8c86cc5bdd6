"""``make migration`` writes what the rules of migrations ask for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditsaas.operations.revisions import MIGRATIONS
from scripts import migration
from tests.support.workers import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def newest(folder: Path) -> Path:
    return max((folder / "versions").glob("[0-9]*.py"))


def test_a_migration_gets_the_next_number_and_follows_the_newest(folder: Path) -> None:
    before = newest(folder)
    made = migration.main("add_colours", folder)
    number = int(before.name[:4]) + 1
    assert made == newest(folder)
    assert made.name == f"{number:04}_add_colours.py"
    assert made.read_text().startswith('"""Add colours.\n')
    assert re.findall(r'revision = "(\d+)"', made.read_text()) == [made.name[:4], before.name[:4]]


def test_a_migration_has_a_lock_timeout_both_ways_and_passes_the_linter(folder: Path) -> None:
    made = migration.main("add_colours", folder)
    assert made.read_text().count("SET LOCAL lock_timeout = '3s'") == 2
    for check in (["check"], ["format", "--check"]):
        command = [
            str(Path(sys.executable).with_name("ruff")),
            *check,
            "--config",
            str(ROOT / "pyproject.toml"),
            str(made),
        ]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("name", ["", "Add", "add-colours", "add colours", "../colours", "1_add"])
def test_a_name_that_is_not_lower_case_words_is_refused(name: str, folder: Path) -> None:
    before = newest(folder)
    with pytest.raises(SystemExit, match="lower case words"):
        migration.main(name, folder)
    assert newest(folder) == before
