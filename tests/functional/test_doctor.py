"""The doctor's findings about an installation, well and ill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import Engine, make_url, text

from auditsaas.cli import cli
from auditsaas.db import tickets
from auditsaas.operations import doctor, revisions
from auditsaas.operations.checks import mail
from auditsaas.operations.finding import Finding, Verdict
from config.settings import Settings
from tests.support.workers import process_environment

SET_REVISION = "UPDATE alembic_version SET version_num = '{}'"
OLDER, SAME, NEWER = map(SET_REVISION.format, (revisions.KNOWN[0], revisions.HEAD, "9999"))


def findings(settings: Settings) -> dict[str, Finding]:
    """The worst finding of each part."""
    worst: dict[str, Finding] = {}
    order = list(Verdict)
    for finding in doctor.examine(settings):
        known = worst.get(finding.part)
        if known is None or order.index(finding.verdict) > order.index(known.verdict):
            worst[finding.part] = finding
    return worst


def failed(found: Iterable[Finding]) -> list[Finding]:
    """What fails, but for what other tests leave in this database: gaps, dead processes, damage.

    ``test_doctor_matrix`` and the files beside it have installations of their own.
    """
    left = {"sequence", "workers", "beat", "seals"}
    return [each for each in found if each.verdict is Verdict.FAIL and each.part not in left]


@contextmanager
def owner_says(owner_engine: Engine, change: str, undo: str) -> Iterator[None]:
    with owner_engine.begin() as connection:
        connection.execute(text(change))
    try:
        yield
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text(undo))


def test_healthy_installation_passes_every_check(settings: Settings) -> None:
    found = list(doctor.examine(settings))
    assert failed(found) == []
    assert {"app role", "row-level security", "migrations", "storage", "Redis", "clock"} <= {
        finding.part for finding in found if finding.verdict is Verdict.OK
    }


def test_every_failed_check_says_what_to_do(settings: Settings) -> None:
    ill = replace(settings, storage_url="file:///proc/nowhere", redis_url="redis://127.0.0.1:9")
    found = [f for f in doctor.examine(ill) if f.verdict is not Verdict.OK]
    assert {"storage", "Redis"} <= {finding.part for finding in found}
    assert [finding for finding in found if not finding.remedy] == []


def test_a_table_without_forced_row_level_security_fails(
    settings: Settings, owner_engine: Engine
) -> None:
    table = "ALTER TABLE log_heads {} FORCE ROW LEVEL SECURITY"
    with owner_says(owner_engine, table.format("NO"), table.format("")):
        found = findings(settings)["row-level security"]
    assert found.verdict is Verdict.FAIL
    assert "log_heads" in found.words


def test_an_app_role_that_may_delete_events_fails(settings: Settings, owner_engine: Engine) -> None:
    app_role = make_url(settings.database_url).username
    with owner_says(
        owner_engine,
        f'GRANT DELETE ON events TO "{app_role}"',
        f'REVOKE DELETE ON events FROM "{app_role}"',
    ):
        assert findings(settings)["app role"].verdict is Verdict.FAIL


def test_the_owner_as_app_role_fails(settings: Settings) -> None:
    ill = replace(settings, database_url=settings.owner_url)
    assert "owner of the tables" in findings(ill)["app role"].words


def test_database_behind_on_migrations_fails(settings: Settings, owner_engine: Engine) -> None:
    with owner_says(owner_engine, OLDER, SAME):
        found = findings(settings)["migrations"]
    assert found.verdict is Verdict.FAIL
    assert "auditsaas db upgrade" in found.remedy


def test_database_of_a_newer_version_is_a_warning(settings: Settings, owner_engine: Engine) -> None:
    with owner_says(owner_engine, NEWER, SAME):
        found = findings(settings)
    assert found["migrations"].verdict is Verdict.WARN
    assert "newer than this version" in found["migrations"].words
    assert "db upgrade" not in found["migrations"].remedy
    assert failed(found.values()) == []


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [(NEWER, 200, "ok"), (OLDER, 503, "migrations are missing")],
    ids=["newer", "older"],
)
def test_process_is_ready_unless_the_database_is_of_an_older_version(
    client: FlaskClient, owner_engine: Engine, change: str, status: int, words: str
) -> None:
    with owner_says(owner_engine, change, SAME):
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (status, {"database": words, "redis": "ok"})


def test_upgrade_leaves_the_database_of_a_newer_version(
    settings: Settings, owner_engine: Engine
) -> None:
    runner = CliRunner(env=process_environment(settings))
    with owner_says(owner_engine, NEWER, SAME):
        upgraded, tightened = (runner.invoke(cli, ["db", do]) for do in ("upgrade", "tighten"))
        with owner_engine.connect() as connection:
            assert revisions.of(connection) == "9999"
    assert upgraded.exit_code == 0
    assert "newer than this version; nothing was changed" in upgraded.output
    assert tightened.exit_code == 2
    assert "The schema is of a newer version" in tightened.output


def test_secret_that_the_database_does_not_know_fails(settings: Settings) -> None:
    other = replace(settings, secret_key="another secret of the installation")
    try:
        found = findings(other)["scope"]
    finally:
        tickets.sign_with(settings.secret_key)
    assert found.verdict is Verdict.FAIL
    assert "Put the SECRET_KEY of before back" in found.remedy


def test_unreachable_mail_server_fails() -> None:
    assert mail.server("smtp://127.0.0.1:9").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ("/etc/fonts/fonts.conf", "ok PDF fonts draw Latin and 26 kinds of letters beside it"),
        ("none.conf", "warn PDF fonts have no letters for Greek, Cyrillic, Armenian"),
    ],
)
def test_scripts_without_a_font_are_named(tmp_path: Path, configuration: str, words: str) -> None:
    """Fonts are looked up once a process, so each configuration has one of its own."""
    (tmp_path / "none.conf").write_text("<fontconfig></fontconfig>")
    program = (
        "from auditsaas.operations.checks.files import fonts\n"
        "found = fonts()\n"
        "print(found.verdict.value, found.part, found.words)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "FONTCONFIG_FILE": str(tmp_path / configuration)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith(words)
