"""Times of the demo's events: office hours, quiet weekends, and hours in which things break."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from auditsaas.demo.people import WORKSPACES, DemoWorkspace

HOUR = timedelta(hours=1)
# Of a workspace's events, how many its services make, round the clock.
SERVICE_SHARE = 0.3
_WEEKDAYS = (0.95, 1.1, 1.08, 1.0, 0.8, 0.07, 0.04)
_INCIDENT_EVERY_DAYS: dict[str, int] = {"acme": 12, "globex": 24, "initech": 30}


@dataclass(frozen=True)
class Cell:
    """The events of people or services of one workspace in one hour."""

    workspace: DemoWorkspace
    services: bool
    incident: bool
    weight: float


def hours(now: datetime, days: int) -> list[tuple[datetime, float]]:
    """Return each clock hour's start within ``days`` before ``now``, and its share that is past."""
    end = now.replace(minute=0, second=0, microsecond=0)
    found = [(end - HOUR * back, 1.0) for back in range(days * 24 - 1, 0, -1)]
    part = (now - end) / HOUR
    return [*found, (end, part)] if part > 0 else found


def cells(starts: list[tuple[datetime, float]], random: Random) -> list[list[Cell]]:
    """Return each hour's cells; the weights of a workspace add up to its share."""
    columns = [_column(workspace, starts, random) for workspace in WORKSPACES]
    return [[cell for column in columns for cell in column[index]] for index in range(len(starts))]


def counts(rows: list[list[Cell]], total: int) -> Iterator[list[int]]:
    """Count each cell's events, ``total`` in all, as near to the weights as whole numbers come."""
    whole = sum(cell.weight for row in rows for cell in row)
    given = 0
    reached = 0.0
    for number, row in enumerate(rows):
        amounts = []
        for cell in row:
            reached += cell.weight
            upto = round(total * min(1.0, reached / whole))
            amounts.append(upto - given)
            given = upto
        if number == len(rows) - 1:
            amounts[-1] += total - given
        yield amounts


def _column(
    workspace: DemoWorkspace, starts: list[tuple[datetime, float]], random: Random
) -> list[tuple[Cell, Cell]]:
    zone = ZoneInfo(workspace.zone)
    broken = _incident_hours(workspace, starts, random)
    people = [part * _people_weight(start.astimezone(zone)) for start, part in starts]
    services = [part * (4.0 if index in broken else 1.0) for index, (_, part) in enumerate(starts)]
    per_person = workspace.share * (1 - SERVICE_SHARE) / (sum(people) or 1.0)
    per_service = workspace.share * SERVICE_SHARE / (sum(services) or 1.0)
    return [
        (
            Cell(workspace, False, index in broken, people[index] * per_person),
            Cell(workspace, True, index in broken, services[index] * per_service),
        )
        for index in range(len(starts))
    ]


def _people_weight(local: datetime) -> float:
    hour = local.hour + 0.5
    morning = math.exp(-((hour - 10.5) ** 2) / 5.0)
    afternoon = 0.9 * math.exp(-((hour - 15.0) ** 2) / 6.0)
    return _WEEKDAYS[local.weekday()] * (morning + afternoon + 0.004)


def office_hours(workspace: DemoWorkspace, starts: list[tuple[datetime, float]]) -> list[int]:
    """Return the numbers of a workspace's working hours; of all hours when it never works."""
    zone = ZoneInfo(workspace.zone)
    local = [start.astimezone(zone) for start, _ in starts]
    at_work = [
        index for index, time in enumerate(local) if time.weekday() < 5 and 9 <= time.hour < 16
    ]
    return at_work or list(range(len(starts)))


def _incident_hours(
    workspace: DemoWorkspace, starts: list[tuple[datetime, float]], random: Random
) -> set[int]:
    at_work = office_hours(workspace, starts)
    broken: set[int] = set()
    for _ in range(max(1, len(starts) // 24 // _INCIDENT_EVERY_DAYS[workspace.slug])):
        first = random.choice(at_work)
        broken.update(range(first, min(len(starts), first + random.randint(2, 5))))
    return broken
