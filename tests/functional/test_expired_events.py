"""Events older than a workspace keeps are announced, and imported only where that is confirmed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from auditsaas.events.models import events
from auditsaas.imports.expired import Expired, ExpiredEvents
from auditsaas.workspaces.models import Workspace
from tests.support.factories import as_owner, event_input, make_api_key, make_workspace, scoped
from tests.support.importing import counts, look, run


@pytest.fixture
def acme(engine: Engine) -> Workspace:
    return make_workspace()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.jsonl"
    now = datetime.now(UTC).isoformat()
    times = ["2020-01-01T00:00:00Z"] * 3 + [now]
    lines = [
        event_input(occurred_at=moment, idempotency_key=f"k{number}")
        for number, moment in enumerate(times)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def keeping(acme: Workspace, days: int | None, *, legal_hold: bool = False) -> Workspace:
    with as_owner(acme.id) as session:
        found = session.get_one(Workspace, acme.id)
        found.retention_days, found.legal_hold = days, legal_hold
        session.commit()
    return acme


@pytest.mark.parametrize("act", [run, look])
def test_a_file_older_than_the_workspace_keeps_is_refused_with_the_number(
    acme: Workspace, old: Path, act: Any
) -> None:
    with pytest.raises(ExpiredEvents, match=r"3 of 4 events are older than .* \(30 days\)"):
        act(keeping(acme, 30), old)
    with scoped(acme.id) as session:
        assert session.scalars(select(events.c.id)).all() == []


def test_expired_events_are_left_out_where_asked_for(acme: Workspace, old: Path) -> None:
    outcome = run(keeping(acme, 30), old, Expired.SKIP)
    assert counts(outcome) == (1, 0, 3, 0)
    assert outcome.first_refused[0].reason == "older than this workspace keeps (30 days)"


@pytest.mark.parametrize(
    ("days", "hold", "expired"),
    [(30, False, Expired.IMPORT), (None, False, Expired.REFUSE), (30, True, Expired.REFUSE)],
)
def test_expired_events_are_imported_where_confirmed_or_nothing_is_removed(
    acme: Workspace, old: Path, days: int | None, hold: bool, expired: Expired
) -> None:
    outcome = run(keeping(acme, days, legal_hold=hold), old, expired)
    assert counts(outcome) == (4, 0, 0, 0)


def test_the_api_says_how_many_events_the_next_night_removes(
    client: FlaskClient, acme: Workspace
) -> None:
    batch = [event_input(occurred_at="2020-01-01T00:00:00Z"), event_input()]
    headers = {"Authorization": f"Bearer {make_api_key(keeping(acme, 30))}"}
    answer = client.post("/api/v1/events", json={"events": batch}, headers=headers)
    assert answer.json is not None
    assert (answer.status_code, answer.json["accepted"], answer.json["expired"]) == (201, 2, 1)
