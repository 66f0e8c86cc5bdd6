"""One-off stories: people are disabled, try to come back, and are attacked by guessing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from auditsaas.demo.cast import Act, Cast
from auditsaas.demo.catalogue import ACCOUNT_DISABLED, BAD_PASSWORD, DISABLE, LOGIN
from auditsaas.demo.devices import ATTACKERS
from auditsaas.demo.people import Person

Moment = tuple[int, float]
"""The number of an hour, and the part of it that is past (0 to 1)."""

BURST = 60


def stories(
    cast: Cast, hours: int, total: int, random: Random
) -> dict[int, list[tuple[float, Act]]]:
    """Return the one-off stories by hour; at most a fifth of ``total``."""
    found: list[tuple[Moment, Act]] = []
    for number, email in enumerate(sorted(cast.disabled_at)):
        person = next(person for person in cast.everyone if person.email == email)
        found += _disabled(cast, person, hours, random)
        found += _attacked(cast, person, number, hours, random)
    if len(found) > total // 5:
        found = random.sample(found, total // 5)
    by_hour: defaultdict[int, list[tuple[float, Act]]] = defaultdict(list)
    for (hour, part), act in found:
        by_hour[hour].append((part, act))
    return by_hour


def _disabled(
    cast: Cast, person: Person, hours: int, random: Random
) -> Iterator[tuple[Moment, Act]]:
    admin = cast.one(person.workspace, "admin")
    start = cast.disabled_at[person.email]
    yield (start, 0.1), replace(cast.act(admin, DISABLE), target=person.actor_id)
    attempt = replace(cast.act(person, LOGIN, "disabled"), failure=ACCOUNT_DISABLED)
    for _ in range(3):
        yield (min(hours - 1, start + random.randint(1, 60)), 0.2 + 0.8 * random.random()), attempt


def _attacked(
    cast: Cast, person: Person, number: int, hours: int, random: Random
) -> Iterator[tuple[Moment, Act]]:
    first = cast.disabled_at[person.email] + 24
    hour = random.randint(min(first, hours - 1), hours - 1)
    guess = replace(
        cast.act(person, LOGIN, "disabled"),
        devices=(ATTACKERS[number % len(ATTACKERS)],),
        failure=BAD_PASSWORD,
    )
    begin = random.random() * 0.8
    for attempt in range(BURST):
        yield (hour, begin + 0.15 * (attempt + random.random()) / BURST), guess
