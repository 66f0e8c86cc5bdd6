"""Computes when a schedule is due, and the period of each report.

A report covers whole local days, weeks, months or quarters: it ends where the period that it is
due in begins, and starts where the report before it ended. So reports join without gap or overlap,
whatever clocks do between them. A local time that a clock skips means as much later; one that
occurs twice means the first.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from auditsaas.events.filter.period import TimeRange

DAY = timedelta(days=1)


class Frequency(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


LONGEST: Final = {
    Frequency.DAILY: 1,
    Frequency.WEEKLY: 7,
    Frequency.MONTHLY: 31,
    Frequency.QUARTERLY: 92,
}
"""The days of the longest period of each."""


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """Days of reports, and the time on them.

    ``weekday`` 0 is Monday; a ``month_day`` that a month does not have means its last. A quarterly
    report is due in the first month of a quarter.
    """

    frequency: Frequency
    weekday: int = 0
    month_day: int = 1
    at: time
    zone: ZoneInfo

    def due_after(self, moment: datetime) -> datetime:
        """Return the first time, in UTC, that a report is due later than ``moment``."""
        # A period before: its report may still be due, as in the last hours of a day further west.
        first = self._first_day(moment.astimezone(self.zone).date() - DAY)
        while True:
            due = _instant(datetime.combine(self._due_day(first), self.at), self.zone)
            if due > moment:
                return due
            first = self._next_first_day(first)

    def window_end(self, due: datetime) -> datetime:
        """Return where the report due then ends: the first instant of the period it is due in."""
        first = self._first_day(due.astimezone(self.zone).date())
        return _instant(datetime.combine(first, time.min), self.zone)

    def window_before(self, end: datetime) -> datetime:
        """Return the start of the whole period that ends at ``end``: of the first report's."""
        last_day = end.astimezone(self.zone).date() - DAY
        return _instant(datetime.combine(self._first_day(last_day), time.min), self.zone)

    def due_covering(self, moment: datetime, covered_until: datetime) -> datetime:
        """Return the first time due after ``moment`` for which there is something left to cover."""
        due = self.due_after(moment)
        while self.window_end(due) <= covered_until:
            due = self.due_after(due)
        return due

    def last_run(self, moment: datetime) -> Run:
        """Return the newest run that would have been due by ``moment``, over its whole period."""
        due = self.due_after(moment - 2 * LONGEST[self.frequency] * DAY)
        while (following := self.due_after(due)) <= moment:
            due = following
        end = self.window_end(due)
        return Run(due, TimeRange(self.window_before(end), end))

    def runs(self, due: datetime, covered_until: datetime) -> Iterator[Run]:
        """Yield the run that is due then and all that follow, with what each covers."""
        while True:
            end = self.window_end(due)
            yield Run(due, TimeRange(covered_until, end))
            due, covered_until = self.due_covering(due, end), end

    def next_runs(self, number: int, due: datetime, covered_until: datetime) -> list[Run]:
        return list(islice(self.runs(due, covered_until), number))

    def _first_day(self, day: date) -> date:
        """Return the first day of the period that holds ``day``."""
        if self.frequency is Frequency.DAILY:
            return day
        if self.frequency is Frequency.WEEKLY:
            return day - day.weekday() * DAY
        if self.frequency is Frequency.MONTHLY:
            return day.replace(day=1)
        return day.replace(month=day.month - (day.month - 1) % 3, day=1)

    def _next_first_day(self, first: date) -> date:
        return self._first_day(first + LONGEST[self.frequency] * DAY)

    def _due_day(self, first: date) -> date:
        if self.frequency is Frequency.DAILY:
            return first
        if self.frequency is Frequency.WEEKLY:
            return first + self.weekday * DAY
        return first.replace(day=min(self.month_day, monthrange(first.year, first.month)[1]))


@dataclass(frozen=True)
class Run:
    """One report: when it is due, in UTC, and what it covers."""

    due: datetime
    window: TimeRange


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Convert a wall time to UTC; a skipped one counts by the offset before the jump (PEP 495)."""
    return wall.replace(tzinfo=zone).astimezone(UTC)
