"""Presents events as rows of the table: every word and width is computed here."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from auditsaas.events.event_sources import CLI, KINDS, UNRECORDED
from auditsaas.events.labels import label
from auditsaas.formatting.visible_text import visible

BAR_UNITS: Final = 56
LATENCY_LIMITS: Final = (300, 1000, 3000)
LATENCY_WORDS: Final = ("Fast", "Moderate", "Slow", "Very slow")
LONGEST_CELL: Final = 300
ONE_OF_KIND: Final = {"product": "The product", "api": "API key", "import": "Import"}
"""The kinds of sources in words, of one event."""


class TableRow(Protocol):
    """The columns of ``events`` that the table shows, and that its query reads."""

    workspace_id: UUID
    id: UUID
    occurred_at: datetime
    activity: str
    status: str
    actor_id: str
    actor_name: str | None
    actor_email: str | None
    actor_status: str | None
    method: str | None
    status_code: int | None
    ip: Any
    user_agent: str | None
    platform: str | None
    browser: str | None
    duration_ms: float | None
    targets: list[Any] | None
    source: str | None


class EventRow(TableRow, Protocol):
    """A whole row of ``events``."""

    seq: int
    received_at: datetime
    actor_role: str | None
    path: str | None
    request_id: str | None
    changes: dict[str, Any] | None
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class WorkspaceName:
    slug: str
    name: str


class Latency(NamedTuple):
    ms: float
    level: int
    word: str
    width: float
    """Of BAR_UNITS, logarithmic from 10 ms to 10 s."""


class PresentedEvent(NamedTuple):
    """One row of the table; every text is safe to look at.

    A tuple, as a frozen dataclass takes four times as long to make, and a page makes a hundred.
    """

    id: str
    url: str
    workspace_slug: str
    workspace: str
    label: str
    activity: str
    target: str
    failed: bool
    status: str
    code: str
    method: str
    latency: Latency | None
    user: str
    user_sub: str
    disabled: bool
    platform: str
    browser: str
    ip: str
    occurred_at: datetime
    source: str
    """The kind of its source; '' where it was not recorded."""
    activity_value: str = ""
    actor_value: str = ""
    source_value: str = ""
    """Its activity, actor and source as filters write them; '' where they hide something."""


EventUrl = Callable[[str, str], str]
"""Builds the address of an event, by its workspace's slug and its id."""


def event_url(slug: str, event_id: str) -> str:
    return f"/w/{slug}/audit-logs/{event_id}"


def present(
    row: TableRow,
    workspace: WorkspaceName,
    actor_status_now: str | None = None,
    url: EventUrl = event_url,
) -> PresentedEvent:
    words, activity, target, method, user, user_sub, platform, browser = _cells(
        label(row.activity),
        row.activity,
        target_text(row.targets),
        row.method or "",
        *_user(row),
        *_agent(row),
    )
    event_id = str(row.id)
    return PresentedEvent(
        id=event_id,
        url=url(workspace.slug, event_id),
        workspace_slug=workspace.slug,
        workspace=visible(workspace.name),
        label=words,
        activity=activity,
        target=target,
        failed=row.status == "error",
        status="Error" if row.status == "error" else "Success",
        code=status_words(row.status_code),
        method=method,
        latency=latency(row.duration_ms),
        user=user,
        user_sub=user_sub,
        disabled=(actor_status_now or row.actor_status) == "disabled",
        platform=platform,
        browser=browser,
        ip=str(row.ip or ""),
        occurred_at=row.occurred_at,
        source=_source(row),
        activity_value=row.activity if activity == row.activity else "",
        actor_value=_plain(row.actor_id),
        source_value=row.source or UNRECORDED,
    )


def latency(duration_ms: float | None) -> Latency | None:
    if duration_ms is None:
        return None
    level = bisect_right(LATENCY_LIMITS, duration_ms)
    width = math.log10(max(duration_ms, 1) / 10) / 3 * BAR_UNITS
    shown = round(min(max(width, 2), BAR_UNITS), 1)
    return Latency(duration_ms, level + 1, LATENCY_WORDS[level], shown)


@lru_cache(maxsize=1024)
def status_words(code: int | None) -> str:
    """Write `502 Bad gateway`; the number alone where RFC 9110 has no word for it."""
    if code is None:
        return ""
    try:
        first, *rest = HTTPStatus(code).phrase.split(" ")
    except ValueError:
        return str(code)
    return " ".join([str(code), first, *(w if w.isupper() else w.lower() for w in rest)])


def target_text(targets: list[Any] | None) -> str:
    """Write the first target's name (or id), and how many more there are."""
    if not targets:
        return ""
    first = targets[0]
    text = str(first.get("name") or first.get("id") or "")
    return f"{text} +{len(targets) - 1}" if len(targets) > 1 else text


def _user(row: TableRow) -> tuple[str, str]:
    first = row.actor_name or row.actor_email or row.actor_id
    second = row.actor_email or row.actor_id
    return first, "" if second == first else second


def _source(row: TableRow) -> str:
    if row.source is None:
        return ""
    return ONE_OF_KIND.get(row.source.partition(":")[0], KINDS[CLI])


def _agent(row: TableRow) -> tuple[str, str]:
    if row.browser or row.platform not in (None, "", "Other"):
        return row.platform or "", row.browser or ""
    return (row.platform or "Other", row.user_agent) if row.user_agent else ("", "")


def _plain(text: str) -> str:
    """Return a text that is sent as it is stored; '' for one that is not."""
    return text if len(text) <= LONGEST_CELL and visible(text) == text else ""


def _cells(*texts: str) -> list[str]:
    """Cut cells' texts to what is sent at most; CSS cuts further, and the drawer has them whole."""
    return [
        visible(text) if len(text) <= LONGEST_CELL else f"{visible(text[:LONGEST_CELL])}…"
        for text in texts
    ]
