"""Every command, in every broken surrounding, ends in words and never in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import psycopg
import pytest
import redis
from alembic.util import CommandError
from botocore.exceptions import PartialCredentialsError
from click.testing import CliRunner
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from auditsaas.cli import cli
from auditsaas.cli_errors import NOT_DONE, Refusal, errors_as_sentences
from config.settings import Settings
from tests.support.patient import patient
from tests.support.workers import ROOT, process_environment

NOT_HERE = {"demo"}
"""Runs servers until it is stopped; ``tests/unit/demo`` has its errors."""

Changes = Callable[[Settings, Path], dict[str, str]]


def leaves(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command by its words, with something in the place of what it needs to be told."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        elif name not in NOT_HERE:
            yield (*path, name, *(word for each in command.params for word in told(each)))


def told(parameter: click.Parameter) -> list[str]:
    if not parameter.required:
        return []
    kind = parameter.type
    value = kind.choices[0] if isinstance(kind, click.Choice) else "ann@example.com"
    if isinstance(kind, click.Path):
        value = str(ROOT / "README.md")
    return [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], value]


def database(settings: Settings, **parts: object) -> dict[str, str]:
    """The URLs of all roles with other parts."""
    names = ("DATABASE_URL", "PLATFORM_DATABASE_URL", "MIGRATION_DATABASE_URL")
    urls = (settings.database_url, settings.platform_database_url, settings.owner_url)
    changed = (make_url(url).set(drivername="postgresql", **parts) for url in urls)  # type: ignore[arg-type]  # of URL
    return {
        name: url.render_as_string(hide_password=False)
        for name, url in zip(names, changed, strict=True)
    }


def all_named(url: str) -> dict[str, str]:
    return dict.fromkeys(("DATABASE_URL", "PLATFORM_DATABASE_URL", "MIGRATION_DATABASE_URL"), url)


BROKEN: dict[str, Changes] = {
    "database away": lambda s, _: database(s, host="127.0.0.1", port=1, query={}),
    "no such host": lambda s, _: database(s, host="nowhere.invalid", query={}),
    "no such database": lambda s, _: database(s, database="nowhere"),
    "empty database": lambda s, _: database(s, database="postgres"),
    "no such role": lambda s, _: {"DATABASE_URL": database(s, username="nobody")["DATABASE_URL"]},
    "role of little": lambda s, _: {"DATABASE_URL": database(s)["PLATFORM_DATABASE_URL"]},
    "port no number": lambda *_: all_named("postgresql://a@127.0.0.1:port/x"),
    "half an address": lambda *_: all_named("postgresql://a@[::1/x"),
    "options of no sense": lambda *_: all_named("postgresql://a@127.0.0.1:1/x?sslmode=perhaps"),
    "another secret": lambda *_: {"SECRET_KEY": "another secret of this installation, long"},
    "services away": lambda *_: {
        "REDIS_URL": "redis://127.0.0.1:1",
        "SMTP_URL": "smtp://127.0.0.1:1",
        "STORAGE_URL": "file:///proc/nowhere",
    },
    "services of no sense": lambda *_: {
        "REDIS_URL": "http://[",
        "SMTP_URL": "smtp://",
        "STORAGE_URL": "s3:",
    },
    "half of the credentials": lambda *_: {
        "STORAGE_URL": "s3://audit",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    },
    "data folder": lambda _, folder: {"DATA_DIR": str(folder / "file" / "data")},
    "nothing": lambda *_: {**all_named(""), "REDIS_URL": "", "SECRET_KEY": ""},
}


@pytest.fixture(scope="module")
def own() -> Iterator[Settings]:
    """An installation of this file's: commands with another secret make it forget its own."""
    with patient() as made:
        yield made.settings


@pytest.mark.parametrize("name", BROKEN)
def test_no_command_ends_in_a_traceback(name: str, own: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    changed = {"DATA_DIR": str(tmp_path), **BROKEN[name](own, tmp_path)}
    runner = CliRunner(env={**process_environment(own), **changed})
    for words in leaves():
        run = runner.invoke(cli, words, input="correct horse battery staple\n")
        assert isinstance(run.exception, SystemExit | None), (words, run.exception)
        assert "Traceback" not in run.output, words
        assert run.exit_code == 0 or run.output.strip(), words


def test_every_command_is_among_them() -> None:
    assert {("doctor",), ("verify",), ("db", "upgrade")} <= {words[:2] for words in leaves()}


ERRORS: list[Exception] = [
    PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    psycopg.errors.DuplicateTable("relation exists"),
    DBAPIError("SELECT", None, psycopg.errors.InsufficientPrivilege("permission denied")),
    redis.ConnectionError("Connection refused"),
    CommandError("Can't locate revision identified by '9999'"),
    PermissionError(13, "Permission denied", "/etc/auditsaas"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    RecursionError(),
    KeyError("gone"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_unforeseen_error_is_one_sentence(error: Exception) -> None:
    with pytest.raises(Refusal) as told, errors_as_sentences():
        raise error
    assert told.value.exit_code == NOT_DONE
    assert len(told.value.message) > 20
    assert "\n" not in told.value.message


def test_process_itself_leaves_no_traceback_and_shows_one_when_asked(own: Settings) -> None:
    away = {**process_environment(own), **BROKEN["database away"](own, Path())}
    runs = [
        subprocess.run(
            [sys.executable, "-c", "from auditsaas.cli import main; main()", *words],
            env=os.environ | away,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        for words in (["workspace", "create", "Acme"], ["--traceback", "workspace", "create", "A"])
    ]
    assert runs[0].returncode == NOT_DONE
    assert runs[0].stderr.startswith("Error: The database cannot be used: ")
    assert "Traceback" not in runs[0].stderr
    assert "Traceback" in runs[1].stderr
