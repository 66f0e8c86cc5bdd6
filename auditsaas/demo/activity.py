"""Believable activity for the demo and for measurements: the same for the same seed and time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from statistics import NormalDist
from typing import Any

from auditsaas.demo.cast import Act, Cast
from auditsaas.demo.catalogue import INCIDENTS, Failure
from auditsaas.demo.people import WORKSPACES, Person, people
from auditsaas.demo.rhythm import Cell, cells, counts, hours
from auditsaas.demo.stories import stories

__all__ = ["WORKSPACES", "Person", "generate", "people"]

MICROSECONDS = 3_600_000_000
# In an incident, how many of what is broken fail; and how often anything is very slow.
BROKEN = 0.8
VERY_SLOW = 0.0015

_CLOCK = [f"{second // 60:02d}:{second % 60:02d}." for second in range(3600)]
_NORMAL = [NormalDist().inv_cdf((step + 0.5) / 2048) for step in range(2048)]


def generate(
    *, seed: int, total: int, now: datetime, days: int = 120
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Generate exactly ``total`` events of the ``days`` before the aware ``now``, oldest first.

    Each is a workspace's slug and an event in the contract's input shape. Parts of an event may
    be shared with others: read them, do not change them.
    """
    random = Random(seed)
    starts = hours(now.astimezone(UTC), days)
    rows = cells(starts, random)
    cast = Cast(starts, random)
    told = stories(cast, len(starts), total, random)
    left = total - sum(len(acts) for acts in told.values())
    number = 0
    for hour, amounts in enumerate(counts(rows, left)):
        start, part = starts[hour]
        moments = _draw(cast, rows[hour], amounts, hour, part * MICROSECONDS, random)
        moments += [
            (int(at * part * MICROSECONDS), -index - 1, act, None)
            for index, (at, act) in enumerate(told.get(hour, ()))
        ]
        moments.sort(key=_by_time)
        prefix = f"{start:%Y-%m-%dT%H}:"
        for offset, _, act, trouble in moments:
            second, fraction = divmod(offset, 1_000_000)
            number += 1
            event = _event(act, trouble, random)
            event["occurred_at"] = f"{prefix}{_CLOCK[second]}{fraction:06d}Z"
            event["idempotency_key"] = f"demo-{number}"
            yield act.workspace, event


Drawn = tuple[int, int, Act, Failure | None]
"""Microseconds into the hour, a number that tells equal times apart, the act, how it broke."""


def _by_time(drawn: Drawn) -> tuple[int, int]:
    return drawn[0], drawn[1]


def _draw(
    cast: Cast, row: list[Cell], amounts: list[int], hour: int, span: float, random: Random
) -> list[Drawn]:
    drawn: list[Drawn] = []
    for cell, amount in zip(row, amounts, strict=True):
        slug = cell.workspace.slug
        broken, failure = INCIDENTS[slug] if cell.incident else (None, None)
        for act in cast.table(slug, cell.services, cell.incident).draw(random, amount):
            if act.until is not None and act.stand_in is not None and hour >= act.until:
                act = act.stand_in
            fails = act.activity.name == broken and random.random() < BROKEN
            offset = int(random.random() * span)
            drawn.append((offset, len(drawn), act, failure if fails else None))
    return drawn


def _event(act: Act, trouble: Failure | None, random: Random) -> dict[str, Any]:
    activity = act.activity
    failure = act.failure or trouble
    if failure is None and random.random() < activity.error_rate:
        failure = activity.failures[int(random.random() * len(activity.failures))]
    ip, user_agent = act.devices[int(random.random() * len(act.devices))]
    duration = activity.median_ms * math.exp(
        activity.spread * _NORMAL[int(random.random() * len(_NORMAL))]
    )
    if trouble is not None:
        duration = 8_000 + random.random() * 22_000
    elif random.random() < VERY_SLOW:
        duration *= 8 + random.random() * 20
    event: dict[str, Any] = {
        "activity": activity.name,
        "status": "success",
        "actor": act.actor,
        "method": activity.method,
        "path": activity.path,
        "status_code": activity.code,
        "ip": ip,
        "user_agent": user_agent,
        "duration_ms": round(duration, 1),
        "request_id": f"req_{random.getrandbits(48):012x}",
    }
    if activity.target is not None:
        target = act.target or str(1000 + int(random.random() * 9000))
        event["path"] = f"{activity.path}{target}{activity.suffix}"
        event["targets"] = [{"type": activity.target, "id": target}]
    if failure is not None:
        event["status"] = "error"
        event["status_code"] = failure.code
        event["metadata"] = {"reason": failure.reason}
    elif activity.details is not None:
        event.update(activity.details(random))
    return event
