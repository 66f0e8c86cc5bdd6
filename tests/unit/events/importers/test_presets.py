"""Every mapping that comes with the product, tried on a file of its own."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from auditsaas.events.importers.lines import open_source
from auditsaas.events.importers.mapping.presets import presets
from auditsaas.events.importers.outcome import Parsed
from auditsaas.events.importers.registry import checked_format
from tests.unit.events.importers.landing import leaves, lost
from tests.unit.events.importers.reading_files import FIXTURES, outcomes

FOLDER = FIXTURES / "presets"
FILES = sorted(path for path in FOLDER.iterdir() if not path.name.endswith(".events.json"))
JSON_FILES = [path for path in FILES if path.suffix in (".json", ".jsonl")]


def preset_of(path: Path) -> str:
    return path.name.partition(".")[0]


def shown(found: list[Any]) -> list[dict[str, Any]]:
    """The outcomes as the expectation beside a file has them."""
    return [
        json.loads(json.dumps(outcome.event, default=lambda moment: moment.isoformat()))
        if isinstance(outcome, Parsed)
        else {"refused": outcome.reason}
        for outcome in found
    ]


def test_every_preset_has_a_file_here() -> None:
    assert {preset_of(path) for path in FILES} == set(presets())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_a_preset_is_recognised(path: Path) -> None:
    with open_source(str(path)) as source:
        assert checked_format(source, "auto", UTC).key == preset_of(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_field_of_a_preset_is_mapped_as_expected(path: Path) -> None:
    expected = json.loads(path.with_name(f"{path.name}.events.json").read_text())
    assert shown(outcomes(path, zone=UTC)) == expected


@pytest.mark.parametrize("path", JSON_FILES, ids=lambda path: path.name)
def test_preset_loses_only_the_paths_that_it_drops(path: Path) -> None:
    drop = {".".join(place) for place in presets()[preset_of(path)].drop}
    found = [event for event in shown(outcomes(path, zone=UTC)) if "refused" not in event]
    assert lost(path.read_text(), found, drop) == []


def test_lost_value_is_detected() -> None:
    record = {"a": {"b": "kept"}, "c": ["gone"], "d": "2026-11-16T08:00:00Z"}
    event = {"metadata": {"a": {"b": "kept"}}, "occurred_at": "2026-11-16T08:00:00+00:00"}
    assert lost(json.dumps(record), [event], set()) == ["c.0: gone"]
    assert next(iter(leaves(record))) == ("a.b", "kept")
