"""Weighted tables of actors and activities from which the demo's hours are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from random import Random
from typing import Any

from auditsaas.demo.catalogue import COMMON, INCIDENTS, OWN, Activity, Failure
from auditsaas.demo.devices import Device, devices_of
from auditsaas.demo.people import WORKSPACES, Person, people
from auditsaas.demo.rhythm import office_hours


@dataclass(frozen=True, eq=False)
class Act:
    """One person doing one thing; from the hour ``until`` on, the stand-in does it."""

    workspace: str
    actor: dict[str, Any]
    devices: tuple[Device, ...]
    activity: Activity
    failure: Failure | None = None
    target: str | None = None
    until: int | None = None
    stand_in: Act | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """Acts to draw from, by weight."""

    acts: list[Act]
    cumulative: list[float]

    def draw(self, random: Random, count: int) -> list[Act]:
        return random.choices(self.acts, cum_weights=self.cumulative, k=count)


class Cast:
    """Everyone of the demo with their devices, and in which hour the disabled ones were."""

    def __init__(self, starts: list[tuple[datetime, float]], random: Random) -> None:
        self.everyone = people()
        self.devices = {
            person.email: devices_of(person, number, random)
            for number, person in enumerate(self.everyone)
        }
        at_work = {place.slug: office_hours(place, starts) for place in WORKSPACES}
        self.disabled_at = {
            person.email: _between(at_work[person.workspace], 0.35, 0.75, random)
            for person in self.everyone
            if person.status == "disabled"
        }
        self._tables = {
            (workspace.slug, services, incident): self._table(workspace.slug, services, incident)
            for workspace in WORKSPACES
            for services in (False, True)
            for incident in (False, True)
        }

    def table(self, workspace: str, services: bool, incident: bool) -> Table:
        return self._tables[workspace, services, incident]

    def one(self, workspace: str, role: str) -> Person:
        """Return the first active person of a role."""
        return next(
            person
            for person in self.everyone
            if (person.workspace, person.role, person.status) == (workspace, role, "active")
        )

    def act(self, person: Person, activity: Activity, status: str = "active") -> Act:
        actor = {
            "id": person.actor_id,
            "name": person.name,
            "email": person.email,
            "role": person.role,
            "status": status,
        }
        return Act(person.workspace, actor, self.devices[person.email], activity)

    def _table(self, workspace: str, services: bool, incident: bool) -> Table:
        acts = []
        weights = []
        for act, weight in self._weighted(workspace, services):
            broken = incident and act.activity.name == INCIDENTS[workspace][0]
            acts.append(act)
            weights.append(weight * (8 if broken else 1))
        return Table(acts, list(accumulate(weights)))

    def _weighted(self, workspace: str, services: bool) -> Iterator[tuple[Act, float]]:
        for number, person in enumerate(self.everyone):
            if person.workspace != workspace or (person.role == "service") != services:
                continue
            # Some people do much more than others.
            zeal = 1 / (1 + number * 7 % 5)
            for activity in (*COMMON, *OWN[workspace]):
                weight = activity.weights.get(person.role, 0)
                if weight:
                    yield self._with_stand_in(person, activity), weight * zeal

    def _with_stand_in(self, person: Person, activity: Activity) -> Act:
        act = self.act(person, activity)
        if person.status == "active":
            return act
        successor = self.act(self.one(person.workspace, person.role), activity)
        return replace(act, until=self.disabled_at[person.email], stand_in=successor)


def _between(hours: list[int], low: float, high: float, random: Random) -> int:
    return hours[int(len(hours) * (low + (high - low) * random.random()))]
