"""Modules that a process loads before it serves; web, worker and beat each pay for them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.workers import ROOT

PAGES = ("auditsaas.pages", "auditsaas.api", "auditsaas.frame", "flask_wtf")
PLACES = {
    "DATABASE_URL": "postgresql://app@127.0.0.1:9/x",
    "PLATFORM_DATABASE_URL": "postgresql://platform@127.0.0.1:9/x",
    "REDIS_URL": "redis://127.0.0.1:9",
    "SECRET_KEY": "no secret of any installation's",
}
LATE = (
    "weasyprint",
    "alembic",
    "pikepdf",
    "pyarrow",
    "xlsxwriter",
    "boto3",
    "webauthn",
    "ua_parser",
    "rfc3161_client",
    "opentelemetry.exporter",  # redis-py loads the rest itself, where it is installed
    "opentelemetry.sdk.trace",
    "auditsaas.tracing.install",
)


@pytest.mark.parametrize("module", ["auditsaas.app", "tasks.exports", "tasks.maintenance"])
def test_heavy_libraries_are_not_imported_at_start(module: str) -> None:
    """WeasyPrint also needs Pango, without which all but PDF files must work."""
    assert loaded(module, LATE) == []


def test_worker_loads_no_pages() -> None:
    assert loaded("tasks.worker", (*PAGES, *LATE)) == []


def test_beat_loads_no_task_and_no_database() -> None:
    assert loaded("tasks.beat", ("tasks.jobs", "auditsaas.db", "sqlalchemy", "flask")) == []


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["no-such-command"]])
def test_command_line_answers_without_the_application(words: list[str]) -> None:
    heavy = ("auditsaas.db", "auditsaas.events", "flask", "sqlalchemy", "psycopg", "redis")
    told = (
        "import atexit, sys; from auditsaas.cli import main; "
        f"atexit.register(lambda: print('loaded', *(n for n in {heavy!r} if n in sys.modules))); "
        f"sys.argv[1:] = {words!r}; main()"
    )
    assert output(told, code=2 if words == ["no-such-command"] else 0).splitlines()[-1] == "loaded"


def test_command_loads_what_it_needs() -> None:
    """The control."""
    assert loaded("auditsaas.commands.people", ("sqlalchemy", "psycopg")) == [
        "sqlalchemy",
        "psycopg",
    ]


def test_application_loads_pages() -> None:
    """The control."""
    assert loaded("auditsaas.app", PAGES) == [*PAGES]


def test_worker_knows_every_table_that_its_tables_refer_to() -> None:
    """What only pages use may be left out, but no flush may look for a table in vain."""
    tasks = (ROOT / "tasks").glob("[a-z]*.py")
    imports = "; ".join(f"import tasks.{path.stem}" for path in tasks)
    tables = "len(Base.metadata.sorted_tables)"
    assert int(output(f"{imports}; from auditsaas.extensions import Base; print({tables})")) > 30


def loaded(module: str, names: tuple[str, ...]) -> list[str]:
    """Return which of these are loaded by a process that imports the module."""
    program = f"import {module}, sys; print(*(name for name in {names!r} if name in sys.modules))"
    return output(program).split()


def output(program: str, *, code: int = 0) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | PLACES,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == code, run.stderr
    return run.stdout
