"""Our own files, imported into another workspace and written again, are the same files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select

from auditsaas.cli import cli
from auditsaas.events.models import events
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import append_events, event_input, make_workspace, scoped

Run = Callable[..., str]

MADE_ANEW = {"seq", "received_at", "workspace", "source"}
YEAR = "from=2025-01-01&to=2025-12-31"

# Late events, so that the order of arrival is not that of time; instants shared by several; and
# texts that files break on.
EVENTS: list[dict[str, Any]] = [
    event_input(occurred_at="2025-11-16T08:00:00Z"),
    event_input(occurred_at="2025-11-16T08:00:00Z", idempotency_key="k1"),
    event_input(occurred_at="2025-11-16T08:00:00Z", idempotency_key="k2", status="error"),
    event_input(occurred_at="2025-03-01T00:00:00.123456Z", path="", user_agent=""),
    event_input(occurred_at="2025-03-01T00:00:00.123+02:00", path='/a "quoted", comma\r\n'),
    event_input(occurred_at="2025-07-01T12:00:00.000001Z", activity="=cmd()", method="@x"),
    event_input(
        occurred_at="2025-06-30T23:59:59.999999Z",
        actor={
            "id": "-1",
            "name": '＝Ann, "the" Łęe\n\N{ROCKET}',
            "email": "+a@example.com",
            "role": "@",
            "status": "disabled",
        },
        ip="2001:DB8::7",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        duration_ms=0.1,
        request_id="\treq",
    ),
    event_input(
        occurred_at="2025-01-01T00:00:00Z",
        duration_ms=86_400_000,
        targets=[{"type": "invoice", "id": "42", "name": 'é, "x"'}, {"type": "a", "id": "b"}],
        changes={"plan": [None, "pro"], "n": [1.5, 1e22]},
        metadata={"b": 1, "a": {"deep": [1, 2.0, None, True, "\u2028\n"]}, "": ""},
    ),
    {
        "activity": "a",
        "status": "success",
        "actor": {"id": "x"},
        "occurred_at": "2025-05-05T00:00:00Z",
    },
]


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

    def run(*words: str | Path) -> str:
        result = CliRunner(env=environment).invoke(cli, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.fixture
def source() -> Workspace:
    workspace = make_workspace()
    for event in EVENTS:
        append_events(workspace, [event])
    return workspace


def csv_of(run: Run, workspace: Workspace, path: Path) -> list[dict[str, str]]:
    run("export", workspace.slug, "--format", "csv", "--query", YEAR, "-o", path)
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def jsonl_of(run: Run, workspace: Workspace, path: Path) -> list[dict[str, Any]]:
    run("export", workspace.slug, "--format", "jsonl", "--query", YEAR, "-o", path)
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def without(names: set[str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def by_arrival(rows: list[dict[str, Any]], key: str) -> list[object]:
    return [row[key] for row in sorted(rows, key=lambda row: int(row["seq"]))]


def test_jsonl_round_trips_into_another_workspace(
    run: Run, source: Workspace, tmp_path: Path
) -> None:
    target = make_workspace()
    first = jsonl_of(run, source, tmp_path / "first.jsonl")
    run("import", target.slug, "--format", "jsonl", tmp_path / "first.jsonl")
    second = jsonl_of(run, target, tmp_path / "second.jsonl")
    assert len(first) == len(EVENTS)
    assert without(MADE_ANEW, second) == without(MADE_ANEW, first)
    assert by_arrival(second, "id") == by_arrival(first, "id")
    assert by_arrival(second, "seq") == by_arrival(first, "seq")


def test_csv_round_trips_into_another_workspace(
    run: Run, source: Workspace, tmp_path: Path
) -> None:
    target = make_workspace()
    first = csv_of(run, source, tmp_path / "first.csv")
    run("import", target.slug, "--format", "csv", tmp_path / "first.csv")
    second = csv_of(run, target, tmp_path / "second.csv")
    assert len(first) == len(EVENTS)
    assert without(MADE_ANEW, second) == without(MADE_ANEW, first)
    assert by_arrival(second, "event_id") == by_arrival(first, "event_id")


@pytest.mark.parametrize("name", ["first.csv", "first.jsonl"])
def test_exported_files_are_detected_and_add_nothing_to_their_workspace(
    run: Run, source: Workspace, tmp_path: Path, name: str
) -> None:
    jsonl_of(run, source, tmp_path / "first.jsonl")
    csv_of(run, source, tmp_path / "first.csv")
    said = run("import", source.slug, tmp_path / name)
    assert said == f"0 events added, {len(EVENTS)} already there, 0 lines refused\n"


def test_csv_distinguishes_empty_text_from_null(
    run: Run, source: Workspace, tmp_path: Path
) -> None:
    target = make_workspace()
    csv_of(run, source, tmp_path / "first.csv")
    run("import", target.slug, tmp_path / "first.csv")
    with scoped(target.id) as session:
        found = session.execute(
            select(events.c.path, events.c.user_agent).where(events.c.activity != "log.import")
        ).all()
    assert ("", "") in found
    assert (None, None) in found


def test_file_larger_than_the_sort_memory_keeps_its_order(
    run: Run, source: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditsaas.events.importers.own.RUN_BYTES", 300)
    target = make_workspace()
    first = jsonl_of(run, source, tmp_path / "first.jsonl")
    run("import", target.slug, tmp_path / "first.jsonl")
    second = jsonl_of(run, target, tmp_path / "second.jsonl")
    assert by_arrival(second, "id") == by_arrival(first, "id")
