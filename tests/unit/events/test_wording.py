"""Refusals of events, in words that say what to send instead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from auditsaas.events.schema import RefusedEvent, from_mapping
from tests.support.factories import event_input

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"activity": 7}, "activity: must be text, not a number"),
    ({"activity": None}, "activity: must be text, not null"),
    ({"activity": ""}, "activity: must hold 1 or more characters"),
    ({"activity": "a" * 129}, "activity: must hold at most 128 characters"),
    ({"status": "ok"}, "status: must be success or error"),
    ({"actor": "u_1"}, "actor: must be an object, not text"),
    ({"actor": {"id": 5}}, "actor.id: must be text, not a number"),
    ({"actor": {"id": "u", "status": "gone"}}, "actor.status: must be active or disabled"),
    (
        {"occurred_at": "yesterday"},
        "occurred_at: must be a time as in RFC 3339, such as 2026-11-20T12:00:00Z",
    ),
    (
        {"occurred_at": "2026-11-20T12:00:00"},
        "occurred_at: must name its zone: Z at the end, or an offset such as +01:00",
    ),
    ({"status_code": "200"}, "status_code: must be a whole number, not text"),
    ({"status_code": 200.5}, "status_code: must be a whole number, not a number with a fraction"),
    ({"status_code": 99}, "status_code: must be 100 or more"),
    ({"duration_ms": 1e9}, "duration_ms: must be at most 86,400,000"),
    ({"targets": {}}, "targets: must be a list, not an object"),
    ({"targets": [{"type": "t", "id": "i"}] * 21}, "targets: must hold at most 20 items"),
    ({"changes": {"role": [1]}}, "changes[...]: must hold 2 or more items"),
    ({"metadata": [1]}, "metadata: must be an object, not a list"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSALS, ids=[words for _, words in REFUSALS])
def test_refusal_names_valid_input(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedEvent) as refused:
        from_mapping(event_input(**fields), NOW)
    assert str(refused.value) == words
