"""Presents what a check found: what was sealed, what is stored, and between which times it came."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from auditsaas.access import log_reading
from auditsaas.events.labels import label
from auditsaas.events.models import events
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS
from auditsaas.evidence import event_seals
from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.formatting.visible_text import visible
from auditsaas.pages.evidence import checks, copies
from auditsaas.pages.evidence.copies import Copy, Reader
from auditsaas.workspaces.models import Workspace

SHOWN: Final = 20
"""So many findings are shown in full; the others are counted, and each is in the log."""


@dataclass(frozen=True)
class ShownSide:
    """One side of a difference: hash and value, as far as they are known."""

    hash: str | None
    value: str | None
    """As JSON; None where it is not known."""


@dataclass(frozen=True)
class ShownField:
    name: str
    expected: ShownSide
    found: ShownSide


@dataclass(frozen=True, kw_only=True)
class ShownFinding:
    id: UUID
    kind: str
    words: str
    seq: int | None
    last_seq: int | None
    event: str
    """What the event that stands there says that it is."""
    event_at: datetime | None
    url: str | None
    fields: Sequence[ShownField]
    unnamed: str
    first_at: datetime
    last_at: datetime
    times: int
    fine_at: datetime | None
    """When it was last known to be as it was sealed: by a check, or as it was sealed."""
    fine_by_check: bool
    told_at: datetime | None
    admins_told: int
    copies: Sequence[Copy]


def present(
    session: Session, workspace: Workspace, found: Sequence[TreeFinding], reader: Reader
) -> list[ShownFinding]:
    """Present findings beside the events that stand there now."""
    rows = _events(session, workspace.id, found) if found else {}
    log_url = f"/w/{workspace.slug}/audit-logs"
    return [_shown(session, one, rows, log_url, reader) for one in found]


def _shown(
    session: Session,
    one: TreeFinding,
    rows: Mapping[str, Row[Any]],
    log_url: str,
    reader: Reader,
) -> ShownFinding:
    row = rows.get(str(one.found.get("event_id")))
    activity = one.found.get("activity") if row is None else row.activity
    fine_at, by_check = _fine(session, one)
    return ShownFinding(
        id=one.id,
        kind=one.kind,
        words=visible(str(one.found["words"])),
        seq=one.seq,
        last_seq=one.last_seq,
        event=visible(_named(activity, row)),
        event_at=None if row is None else row.occurred_at,
        url=None if row is None else f"{log_url}/{row.id}",
        fields=[_field(each) for each in one.found.get("fields", ())],
        unnamed=visible(str(one.found.get("unnamed", ""))),
        first_at=one.first_at,
        last_at=one.last_at,
        times=one.times,
        fine_at=fine_at,
        fine_by_check=by_check,
        told_at=one.told_at,
        admins_told=one.admins_told,
        copies=copies.of_finding(session, one, reader),
    )


def _fine(session: Session, one: TreeFinding) -> tuple[datetime | None, bool]:
    if one.seq is None:
        return None, False
    checked = checks.fine_until(session, one.workspace_id, one.seq, one.first_at)
    if checked is not None:
        return checked, True
    seal = event_seals.of_event(session, one.workspace_id, one.seq)
    return (None if seal is None else seal.sealed_at), False


def _named(activity: object, row: Row[Any] | None) -> str:
    if activity is None:
        return ""
    name = label(str(activity))
    return name if row is None else f"{name}, by {row.actor_name or row.actor_id}"


def _field(each: Mapping[str, Any]) -> ShownField:
    return ShownField(str(each["field"]), _side(each["expected"]), _side(each["found"]))


def _side(side: Mapping[str, Any]) -> ShownSide:
    if "value" not in side:
        return ShownSide(side.get("hash"), None)
    value = side["value"]
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return ShownSide(side.get("hash"), visible(text))


def _events(
    session: Session, workspace_id: UUID, found: Sequence[TreeFinding]
) -> Mapping[str, Row[Any]]:
    """Read the events that stand where something was found, which is a read of the log."""
    ids = [UUID(one.found["event_id"]) for one in found if one.found.get("event_id")]
    if not ids:
        return {}
    here = events.c.workspace_id == workspace_id, events.c.id.in_(ids)
    rows = session.execute(select(*ROW_COLUMNS).where(*here)).all()
    log_reading.shown(rows)
    return {str(row.id): row for row in rows}
