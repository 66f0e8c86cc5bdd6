"""The last day of the installation as it is shown: one row of bars for each figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.formatting.numbers import number
from auditsaas.jobs import past_day
from auditsaas.jobs.past_day import HOURS, PastDay
from auditsaas.operations.figures import failures, queue_server
from auditsaas.superadmin.hour_bars import HourBars

UNKNOWN = "Unknown"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure over the day: in words, as bars, and hour by hour."""

    name: str
    now: str
    """At present, or empty where that makes no sense."""
    day: str
    bars: HourBars
    texts: Sequence[str]
    """Each hour's value."""
    is_failure: bool = False

    @property
    def known(self) -> str:
        """Tell of how many hours nothing is known; empty where all are."""
        missing = self.bars.unknown
        return f"{missing} of {HOURS} hours unknown" if missing else ""


@dataclass(frozen=True)
class Day:
    hours: Sequence[datetime]
    rows: Sequence[Row]


def read(session: Session, redis_url: str, now: datetime) -> Day:
    """Read the day; what does not answer is unknown."""
    hours = past_day.hours_until(now)
    rows = [*_noted(_past_day(redis_url, now)), *_failed(session, hours)]
    return Day(hours, rows)


def _past_day(url: str, now: datetime) -> PastDay:
    try:
        with queue_server.connection(url) as server:
            return past_day.read(server, now)
    except (RedisError, OSError):
        return past_day.nothing(now)


def _noted(day: PastDay) -> Sequence[Row]:
    pace = UNKNOWN if day.per_minute is None else f"{day.per_minute:,.0f} a minute"
    known = [each for each in day.stored if each is not None]
    stored = Row(
        name="Events stored",
        now=pace,
        day=number(sum(known)) if known else UNKNOWN,
        bars=HourBars(day.stored),
        texts=[UNKNOWN if each is None else number(each) for each in day.stored],
    )
    return [stored, *(_wait(queue, waits) for queue, waits in day.waits.items())]


def _wait(queue: str, waits: Sequence[float | None]) -> Row:
    known = [each for each in waits if each is not None]
    return Row(
        name=f"Longest wait in {queue}",
        now=duration(waits[-1]),
        day=duration(max(known)) if known else UNKNOWN,
        bars=HourBars(waits),
        texts=[duration(each) for each in waits],
    )


def _failed(session: Session, hours: Sequence[datetime]) -> Sequence[Row]:
    try:
        found: Mapping[str, Sequence[int | None]] = failures.by_hour(session, hours)
    except SQLAlchemyError:
        session.rollback()
        found = {name: [None] * HOURS for name in failures.NAMES}
    return [_failures(name, counts) for name, counts in found.items()]


def _failures(name: str, counts: Sequence[int | None]) -> Row:
    known = [each for each in counts if each is not None]
    return Row(
        name=f"Failed {name}",
        now="",
        day=number(sum(known)) if known else UNKNOWN,
        bars=HourBars(counts),
        texts=[UNKNOWN if each is None else number(each) for each in counts],
        is_failure=True,
    )


def duration(seconds: float | None) -> str:
    """Write a wait: tenths of a second, whole seconds, or minutes."""
    if seconds is None:
        return UNKNOWN
    if seconds == 0:
        return "None"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
