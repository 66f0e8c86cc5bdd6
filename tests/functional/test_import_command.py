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
from auditsaas.imports import mappings
from auditsaas.imports.command import import_command
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import make_member, make_workspace, scoped

Run = Callable[..., Result]

FIXTURES = Path(__file__).parents[1] / "fixtures"
CLOUDTRAIL = FIXTURES / "importers" / "cloudtrail.json"


@pytest.fixture
def run(settings: Settings, engine: Engine) -> Run:
    environment = {
        "DATABASE_URL": settings.database_url,
        "PLATFORM_DATABASE_URL": settings.platform_database_url,
        "MIGRATION_DATABASE_URL": settings.owner_url,
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


def test_file_format_is_detected(run: Run) -> None:
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


DOORS = {
    "title": "Door log",
    "input": "csv",
    "fields": {"occurred_at": "when", "activity": "door.{what}", "actor.id": "who"},
}


@pytest.fixture
def doors(tmp_path: Path) -> Path:
    path = tmp_path / "doors.csv"
    path.write_text("when,who,what,floor\n2026-11-16T08:00:00Z,ann,open,3\nx,bob,open,4\n")
    return path


def test_a_file_is_read_by_the_mapping_of_a_file(run: Run, tmp_path: Path, doors: Path) -> None:
    workspace = make_workspace()
    mapping = tmp_path / "doors.json"
    mapping.write_text(json.dumps(DOORS))
    result = run(workspace.slug, "--mapping", mapping, doors)
    assert (result.exit_code, result.stderr) == (1, "line 3: “x” is not a time\n")
    assert result.stdout == "1 event added, 0 already there, 1 line refused\n"
    assert activities(workspace)[0] == "door.open"


def test_a_file_is_read_by_a_mapping_that_the_workspace_keeps(run: Run, doors: Path) -> None:
    workspace = make_workspace()
    admin = make_member(workspace)
    with scoped(workspace.id, user=admin.id) as session:
        form = json.dumps(DOORS)
        mappings.save(session, workspace.id, admin.id, name="doors", form=form)
        session.commit()
    result = run(workspace.slug, "--mapping", "doors", "--dry-run", doors)
    assert "1 event as doors, 1 line refused, nothing stored" in result.stderr
    assert run(make_workspace().slug, "--mapping", "doors", doors).exit_code == 2


def test_a_file_is_read_by_a_mapping_that_comes_with_the_product(run: Run) -> None:
    zoom = FIXTURES / "importers" / "presets" / "zoom.json"
    result = run(make_workspace().slug, "--mapping", "zoom", zoom)
    assert result.stdout == "2 events added, 0 already there, 0 lines refused\n"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (None, "keeps no mapping called"),
        ("{", "is not JSON"),
        ('{"fields": {"occurred_at": "{a", "activity": "b"}}', "fields.occurred_at: the brace"),
    ],
)
def test_invalid_mapping_is_explained_in_a_sentence(
    run: Run, tmp_path: Path, doors: Path, form: str | None, words: str
) -> None:
    mapping = tmp_path / "broken.json"
    if form is not None:
        mapping.write_text(form)
    result = run(make_workspace().slug, "--mapping", mapping, doors)
    assert result.exit_code == 2
    assert words in result.stderr.replace("\n", " ")


def test_a_dry_run_shows_no_more_than_ten(run: Run) -> None:
    lines = (FIXTURES / "access.log").read_bytes().splitlines(keepends=True)[0] * 30
    result = run(make_workspace().slug, "--dry-run", "-", input=lines)
    assert len(result.stdout.splitlines()) == 10
    assert "30 events as combined" in result.stderr


@pytest.mark.parametrize(
    ("zone", "hour"), [("UTC", 8), ("Europe/Berlin", 7), ("-05:00", 13), ("+0530", 2)]
)
def test_assumed_zone_applies_to_times_without_one(run: Run, zone: str, hour: int) -> None:
    workspace = make_workspace()
    result = run(workspace.slug, "--assume-zone", zone, FIXTURES / "importers" / "nova.log")
    assert result.stdout == "2 events added, 0 already there, 1 line refused\n"
    with scoped(workspace.id) as session:
        occurred_at = session.scalars(select(events.c.occurred_at).order_by(events.c.id)).first()
    assert occurred_at is not None
    assert occurred_at.hour == hour


def test_file_without_zones_is_refused_with_advice(run: Run) -> None:
    result = run(make_workspace().slug, FIXTURES / "importers" / "nova.log")
    assert result.exit_code == 2
    assert "has no zone, and none is assumed. Use --assume-zone." in result.stderr


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+99:00", "../etc/passwd", ""])
def test_invalid_zone_is_refused_with_a_sentence(run: Run, zone: str) -> None:
    result = run(make_workspace().slug, "--assume-zone", zone, CLOUDTRAIL)
    assert result.exit_code == 2
    assert "is no zone" in result.stderr


def test_truncated_document_is_refused_with_its_byte_offset(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    path = tmp_path / "cut.json"
    path.write_bytes(CLOUDTRAIL.read_bytes()[:-20])
    result = run(workspace.slug, path)
    assert result.exit_code == 2
    assert "cut.json is broken at byte " in result.stderr
    assert activities(workspace) == []


def test_refused_file_does_not_stop_the_others(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    wrong = tmp_path / "picture.png"
    wrong.write_bytes(b"\x89PNG\r\n\x1a\n")
    result = run(workspace.slug, wrong, CLOUDTRAIL, FIXTURES / "access.log")
    assert result.exit_code == 1
    assert "picture.png is of no known format" in result.stderr
    assert result.stdout.count(" events added") == 2


def test_events_with_ids_are_added_once_from_overlapping_files(run: Run, tmp_path: Path) -> None:
    workspace = make_workspace()
    records = json.loads(CLOUDTRAIL.read_text())["Records"]
    overlapping = tmp_path / "next.json"
    overlapping.write_text(json.dumps({"Records": records[1:]}))
    run(workspace.slug, CLOUDTRAIL)
    result = run(workspace.slug, overlapping)
    assert result.stdout == "0 events added, 2 already there, 0 lines refused\n"


def test_same_file_under_a_format_alias_adds_nothing(run: Run, tmp_path: Path) -> None:
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
