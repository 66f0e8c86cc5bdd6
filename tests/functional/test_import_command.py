"""``auditsaas import`` of every kind of file, on the database of this run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select

from auditsaas.events.models import events
from auditsaas.imports.command import import_command
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import make_workspace, scoped

Run = Callable[..., Result]

FIXTURES = Path(__file__).parents[1] / "fixtures"
CLOUDTRAIL = FIXTURES / "importers" / "cloudtrail.json"


@pytest.fixture
def run(settings: Settings, engine: Engine) -> Run:
    environment = {
        "DATABASE_URL": settings.database_url,
        "PLATFORM_DATABASE_URL": settings.platform_database_url,
        "MIGRATION_DATABASE_URL": settings.migration_database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "DATA_DIR": str(settings.data_dir),
    }

    def run(*words: str | Path, **options: bytes) -> Result:
        arguments = [str(word) for word in words]
        return CliRunner(env=environment).invoke(import_command, arguments, **options)  # type: ignore[arg-type]

    return run


def activities(workspace: Workspace) -> list[str]:
    with scoped(workspace.id) as session:
        found = session.scalars(select(events.c.activity).order_by(events.c.seq))
        return list(found)


def test_a_file_is_recognised_without_being_told(run: Run) -> None:
    workspace = make_workspace()
    result = run(workspace.slug, CLOUDTRAIL)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "3 events added, 0 already there, 0 lines refused\n"
    assert activities(workspace)[:3] == [
        "s3.put_object",
        "ec2.describe_db_instances",
        "signin.console_login",
    ]


def test_a_dry_run_shows_events_as_they_would_be_stored_and_stores_nothing(run: Run) -> None:
    workspace = make_workspace()
    result = run(workspace.slug, "--dry-run", FIXTURES / "access.log")
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    assert activities(workspace) == []
    assert [event["path"] for event in shown] == ["/", "/", "/shipments", "/shipments/7"]
    assert shown[2]["platform"] == "Windows"
    assert shown[0]["workspace"] == workspace.slug
    assert result.stderr.endswith("4 events as combined, 1 line refused, nothing stored\n")
    run(workspace.slug, FIXTURES / "access.log")
    with scoped(workspace.id) as session:
        stored = session.scalars(select(events.c.id).order_by(events.c.seq))
        assert [str(identifier) for identifier in stored][:4] == [event["id"] for event in shown]


def test_a_dry_run_shows_no_more_than_ten(run: Run) -> None:
    lines = (FIXTURES / "access.log").read_bytes().splitlines(keepends=True)[0] * 30
    result = run(make_workspace().slug, "--dry-run", "-", input=lines)
    assert len(result.stdout.splitlines()) == 10
    assert "30 events as combined" in result.stderr


@pytest.mark.parametrize(
    ("zone", "hour"), [("UTC", 8), ("Europe/Berlin", 7), ("-05:00", 13), ("+0530", 2)]
)
def test_a_zone_can_be_assumed_for_times_that_name_none(run: Run, zone: str, hour: int) -> None:
    workspace = make_workspace()
    result = run(workspace.slug, "--assume-zone", zone, FIXTURES / "importers" / "nova.log")
    assert result.stdout == "2 events added, 0 already there, 1 line refused\n"
    with scoped(workspace.id) as session:
        occurred_at = session.scalars(select(events.c.occurred_at).order_by(events.c.id)).first()
    assert occurred_at is not None
    assert occurred_at.hour == hour


def test_a_file_that_needs_a_zone_is_refused_and_told_how(run: Run) -> None:
    result = run(make_workspace().slug, FIXTURES / "importers" / "nova.log")
    assert result.exit_code == 2
    assert "has no zone, and none is assumed. Use --assume-zone." in result.stderr


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+99:00", "../etc/passwd", ""])
def test_a_zone_that_is_none_is_a_sentence(run: Run, zone: str) -> None:
    result = run(make_workspace().slug, "--assume-zone", zone, CLOUDTRAIL)
    assert result.exit_code == 2
    assert "is no zone" in result.stderr


def test_a_document_that_is_cut_is_refused_whole_by_its_byte(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    path = tmp_path / "cut.json"
    path.write_bytes(CLOUDTRAIL.read_bytes()[:-20])
    result = run(workspace.slug, path)
    assert result.exit_code == 2
    assert "cut.json is broken at byte " in result.stderr
    assert activities(workspace) == []


def test_of_several_files_one_that_is_refused_does_not_stop_the_others(
    run: Run, tmp_path: Path
) -> None:
    workspace = make_workspace()
    wrong = tmp_path / "picture.png"
    wrong.write_bytes(b"\x89PNG\r\n\x1a\n")
    result = run(workspace.slug, wrong, CLOUDTRAIL, FIXTURES / "access.log")
    assert result.exit_code == 1
    assert "picture.png is of no known format" in result.stderr
    assert result.stdout.count(" events added") == 2


def test_events_with_ids_of_their_own_are_added_once_from_files_that_overlap(
    run: Run, tmp_path: Path
) -> None:
    workspace = make_workspace()
    records = json.loads(CLOUDTRAIL.read_text())["Records"]
    overlapping = tmp_path / "next.json"
    overlapping.write_text(json.dumps({"Records": records[1:]}))
    run(workspace.slug, CLOUDTRAIL)
    result = run(workspace.slug, overlapping)
    assert result.stdout == "0 events added, 2 already there, 0 lines refused\n"


def test_the_same_file_by_another_name_of_its_format_adds_nothing(run: Run, tmp_path: Path) -> None:
    slug = make_workspace().slug
    copy = shutil.copy(FIXTURES / "access.log", tmp_path / "copy")
    for name in ("auto", "common", "combined"):
        result = run(slug, "--format", name, copy)
    assert result.stdout == "0 events added, 4 already there, 1 line refused\n"


def test_a_record_of_a_document_is_named_by_number_and_byte(run: Run) -> None:
    path = FIXTURES / "importers" / "okta.json"
    result = run(make_workspace().slug, "--assume-zone", "UTC", path)
    assert result.exit_code == 1
    assert result.stderr == "record 3 at byte 761: “redacted” is not a time\n"
