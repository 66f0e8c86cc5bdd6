"""Reads the checks of a log, and says what they read again and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from auditsaas.evidence.checking import service
from auditsaas.evidence.checking.models import CheckKind, CheckState, TreeCheck
from auditsaas.formatting import numbers, times
from auditsaas.formatting.viewer import Viewer

NIGHTS: Final = 90
"""So many nights are drawn."""
UNFINISHED: Final = frozenset({CheckState.QUEUED, CheckState.RUNNING})
BLOCK: Final = 10


@dataclass(frozen=True, kw_only=True)
class Checks:
    """The checks of a log, as far as a page speaks of them."""

    under_way: TreeCheck | None
    """The check of everything that waits or runs."""
    newest: TreeCheck | None
    """The newest that came to its end."""
    failed: TreeCheck | None
    """The newest of everything, where it could not be finished."""
    nights: Sequence[TreeCheck]
    """The nightly ones, the newest first."""


@dataclass(frozen=True)
class Night:
    """A block: one night, and what its check found."""

    look: str
    """`v` without a difference, `bad` with one, `no` without a finished check."""
    words: str
    x: int
    day: date


def read(session: Session, workspace_id: UUID) -> Checks:
    """Read the checks of a log."""
    last = service.latest(session, workspace_id, CheckKind.ALL)
    return Checks(
        under_way=last if last is not None and last.state in UNFINISHED else None,
        newest=session.scalar(_done(workspace_id).limit(1)),
        failed=last if last is not None and last.state == CheckState.FAILED else None,
        nights=service.nights(session, workspace_id, NIGHTS),
    )


def fine_until(session: Session, workspace_id: UUID, seq: int, before: datetime) -> datetime | None:
    """Return when the last check of everything began that found a number as it was sealed."""
    fine = _done(workspace_id).where(
        TreeCheck.kind == CheckKind.ALL,
        TreeCheck.size >= seq,
        TreeCheck.finished_at <= before,
    )
    found = session.scalars(fine.limit(NIGHTS))
    return next((check.started_at for check in found if not differences(check)), None)


def differences(check: TreeCheck) -> int:
    """Return how many differences a check found."""
    return int(check.found.get("differences", 0))


def words_of(check: TreeCheck, viewer: Viewer, now: datetime) -> str:
    """Say what a finished check read again, when, and what came of it."""
    found = differences(check)
    came = "no difference" if not found else f"{numbers.number(found)} {_plural(found)}"
    looked_at, size = numbers.number(check.total or 0), numbers.number(check.size or 0)
    if check.kind == CheckKind.ALL:
        events = "its one event" if check.size == 1 else f"all {size} events"
        return f"Read again {_period(check, viewer, now)}: {events}, {came}."
    return (
        f"Read again {_period(check, viewer, now)}: {looked_at} of {size} events, drawn by chance,"
        f" {came}."
    )


def blocks(checks: Checks, viewer: Viewer) -> list[Night]:
    """Draw a block for each night since the first check that is shown, also without a check."""
    by_day = {_day(check, viewer): check for check in reversed(checks.nights)}
    if not by_day:
        return []
    first, last = min(by_day), max(by_day)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)][-NIGHTS:]
    return [_night(day, by_day.get(day), viewer, BLOCK * n) for n, day in enumerate(days)]


def _night(day: date, check: TreeCheck | None, viewer: Viewer, x: int) -> Night:
    at = times.date(day, viewer)
    if check is None or check.state != CheckState.DONE:
        return Night("no", f"{at}: {'no check' if check is None else 'not finished'}", x, day)
    found = differences(check)
    if found:
        return Night("bad", f"{at}: {numbers.number(found)} {_plural(found)}", x, day)
    return Night("v", f"{at}: {numbers.number(check.total or 0)} events, no difference", x, day)


def _day(check: TreeCheck, viewer: Viewer) -> date:
    return check.created_at.astimezone(viewer.zone).date()


def _period(check: TreeCheck, viewer: Viewer, now: datetime) -> str:
    started, finished = check.started_at, check.finished_at
    if started is None or finished is None:
        return "once"
    minutes = times.minutes(started, finished, viewer)
    if times.date(started, viewer) == times.date(now, viewer):
        return f"today, {minutes}"
    return f"on {times.date(started, viewer)}, {minutes}"


def _done(workspace_id: UUID) -> Select[TreeCheck]:
    """Select the checks that came to their end, the newest first."""
    found = select(TreeCheck).where(
        TreeCheck.workspace_id == workspace_id, TreeCheck.state == CheckState.DONE
    )
    return found.order_by(TreeCheck.finished_at.desc(), TreeCheck.id.desc())


def _plural(count: int) -> str:
    return "difference" if count == 1 else "differences"
