from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from auditsaas.events.presenter import (
    WorkspaceName,
    latency,
    present,
    status_words,
    target_text,
)

ACME = UUID(int=1)
NAMES = {ACME: WorkspaceName("acme", "Acme")}


def event(**values: Any) -> Any:
    row = {
        "workspace_id": ACME,
        "id": UUID(int=7),
        "seq": 1,
        "occurred_at": datetime(2026, 11, 19, 19, 30, tzinfo=UTC),
        "received_at": datetime(2026, 11, 19, 19, 30, tzinfo=UTC),
        "activity": "user.login",
        "status": "success",
        "actor_id": "usr_1",
        "actor_name": "Ann Lee",
        "actor_email": "ann@acme.test",
        "actor_role": "admin",
        "actor_status": "active",
        "method": "POST",
        "path": "/login",
        "status_code": 200,
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "platform": "macOS",
        "browser": "Safari 27",
        "duration_ms": 142.0,
        "request_id": "req_1",
        "targets": None,
        "changes": None,
        "metadata": None,
        "source": None,
    }
    return SimpleNamespace(**row | values)


def shown(**values: Any) -> Any:
    return present(event(**values), NAMES[ACME])


def test_a_row_links_to_its_event_in_its_workspace() -> None:
    assert shown().url == f"/w/acme/audit-logs/{UUID(int=7)}"


def test_the_raw_activity_stands_beside_its_label() -> None:
    assert (shown().label, shown().activity) == ("Sign in", "user.login")


def test_user_is_shown_by_name_else_email_else_id() -> None:
    assert (shown().user, shown().user_sub) == ("Ann Lee", "ann@acme.test")
    nameless = shown(actor_name=None)
    assert (nameless.user, nameless.user_sub) == ("ann@acme.test", "")
    bare = shown(actor_name=None, actor_email=None)
    assert (bare.user, bare.user_sub) == ("usr_1", "")


def test_disabled_mark_follows_the_current_status_if_known() -> None:
    row = event(actor_status="active")
    assert present(row, NAMES[ACME], "disabled").disabled
    assert not present(row, NAMES[ACME], "active").disabled
    assert not present(row, NAMES[ACME]).disabled
    assert present(event(actor_status="disabled"), NAMES[ACME]).disabled


@pytest.mark.parametrize(
    ("duration", "level", "word"),
    [
        (0, 1, "Fast"),
        (299.9, 1, "Fast"),
        (300, 2, "Moderate"),
        (1000, 3, "Slow"),
        (3000, 4, "Very slow"),
    ],
)
def test_response_time_has_four_levels(duration: float, level: int, word: str) -> None:
    value = latency(duration)
    assert value is not None
    assert (value.level, value.word) == (level, word)


@pytest.mark.parametrize(
    ("duration", "width"), [(0, 2), (10, 2), (142, 21.5), (10_000, 56), (86_400_000, 56)]
)
def test_duration_bar_is_logarithmic_between_10_ms_and_10_s(duration: float, width: float) -> None:
    value = latency(duration)
    assert value is not None
    assert value.width == width


def test_missing_duration_has_no_bar() -> None:
    assert shown(duration_ms=None).latency is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (200, "200 OK"),
        (502, "502 Bad gateway"),
        (418, "418 I'm a teapot"),
        (299, "299"),
        (None, ""),
    ],
)
def test_a_status_code_is_put_in_words(code: Any, expected: Any) -> None:
    assert status_words(code) == expected


def test_the_first_target_is_named_and_the_rest_are_counted() -> None:
    targets = [{"type": "invoice", "id": "inv_1", "name": "INV-1"}, {"type": "user", "id": "u"}]
    assert target_text(targets) == "INV-1 +1"
    assert target_text([{"type": "invoice", "id": "inv_1"}]) == "inv_1"
    assert target_text(None) == ""


def test_unknown_user_agent_is_shown_verbatim() -> None:
    row = shown(platform="Other", browser=None, user_agent="my-tool")
    assert (row.platform, row.browser) == ("Other", "my-tool")


def test_missing_user_agent_leaves_the_cell_empty() -> None:
    row = shown(platform="Other", browser=None, user_agent=None)
    assert (row.platform, row.browser) == ("", "")


def test_hostile_text_is_made_visible_and_bounded() -> None:
    row = shown(actor_name="\u202e" + "x" * 4000, activity="a\u200bb")
    assert row.user.startswith("‹U+202E›xxx")
    assert len(row.user) < 400
    assert row.activity == "a‹U+200B›b"


@pytest.mark.parametrize(
    ("stored", "value"),
    [("user.login", "user.login"), ("user\u202e.login", ""), ("a" * 400, "")],
    ids=["plain", "hidden character", "cut"],
)
def test_value_to_filter_by_is_told_only_as_it_is_stored(stored: str, value: str) -> None:
    row = shown(activity=stored, actor_id=stored)
    assert (row.activity_value, row.actor_value) == (value, value)
