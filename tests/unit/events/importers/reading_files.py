"""Reads files by the importers as tests need it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from auditsaas.events.importers.lines import Source, open_source
from auditsaas.events.importers.outcome import Parsed, Refused
from auditsaas.events.importers.reading import Reading
from auditsaas.events.importers.registry import AUTO, checked_format
from auditsaas.events.schema import from_mapping

FIXTURES = Path(__file__).parents[3] / "fixtures" / "importers"
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def outcomes(
    content: str | bytes | Path, format: str = AUTO, zone: tzinfo | None = None
) -> list[Parsed | Refused]:
    """Read a file's outcomes; the contract must allow every event."""
    if isinstance(content, Path):
        with open_source(str(content)) as source:
            return _read(source, format, zone)
    raw = content.encode() if isinstance(content, str) else content
    with open_source("-", io.BytesIO(raw)) as source:
        return _read(source, format, zone)


def _read(source: Source, format: str, zone: tzinfo | None) -> list[Parsed | Refused]:
    chosen = checked_format(source, format, zone)
    found = list(chosen.parse(source, Reading(f"{chosen.key}:file", zone)))
    for outcome in found:
        if isinstance(outcome, Parsed):
            from_mapping(outcome.event, NOW)
    return found


def events(found: Sequence[Parsed | Refused]) -> list[dict[str, Any]]:
    return [outcome.event for outcome in found if isinstance(outcome, Parsed)]


def refusals(found: Sequence[Parsed | Refused]) -> list[tuple[str, str]]:
    return [(out.place, out.reason) for out in found if isinstance(out, Refused)]
