"""An import as its row and its page show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from auditsaas.events.importers.registry import AUTO
from auditsaas.imports.models import FINAL_STATES, Import, ImportState


@dataclass(frozen=True, kw_only=True)
class ShownImport:
    """A row; an address that is None is not offered."""

    id: str
    name: str
    format: str
    """Empty until the file is recognised."""
    time_zone: str | None
    size: int
    state: str
    percent: int | None
    seconds_left: int | None
    added: int
    already_there: int
    refused: int
    first_refused: Sequence[dict[str, str]]
    conflicts: int
    first_conflicts: Sequence[dict[str, str]]
    error: str | None
    requested_by: str
    created_at: datetime
    finished_at: datetime | None
    url: str
    poll_url: str | None
    cancel_url: str | None


def present(found: Import, base: str) -> ShownImport:
    url = f"{base}/{found.id}"
    is_final = found.state in FINAL_STATES
    percent = _percent(found)
    return ShownImport(
        id=str(found.id),
        name=found.name,
        format="" if found.format == AUTO else found.format,
        time_zone=found.time_zone,
        size=found.bytes,
        state=found.state,
        percent=percent,
        seconds_left=_seconds_left(found),
        added=found.added,
        already_there=found.already_there,
        refused=found.refused,
        first_refused=found.first_refused,
        conflicts=found.conflicts,
        first_conflicts=found.first_conflicts,
        error=found.error,
        requested_by=found.requester.name,
        created_at=found.created_at,
        finished_at=found.finished_at,
        url=url,
        poll_url=None if is_final else url,
        cancel_url=None if is_final else f"{url}/cancel",
    )


def _percent(found: Import) -> int | None:
    if found.state != ImportState.RUNNING or not found.bytes_total:
        return None
    return min(99, 100 * found.bytes_done // found.bytes_total)


def _seconds_left(found: Import) -> int | None:
    if found.state != ImportState.RUNNING or not found.bytes_total or not found.bytes_done:
        return None
    if found.started_at is None:
        return None
    taken = (datetime.now(UTC) - found.started_at).total_seconds()
    return max(1, round(taken * max(0, found.bytes_total - found.bytes_done) / found.bytes_done))
