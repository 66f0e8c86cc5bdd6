"""How often the counters of a process ask Redis, and by how much a limit can be passed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditsaas.quotas import meter
from auditsaas.quotas.known import MINUTE
from auditsaas.quotas.meter import NEAR, SETTLED_SECONDS, Meter
from config.settings import Settings
from tests.support.factories import unique

MOST = 200
NOON = 1_800_000_000.0


class Clock:
    """A clock that stands until it is moved."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(meter, "monotonic", made)
    return made


@pytest.fixture
def name() -> str:
    return unique("counter")


@pytest.fixture
def counting(settings: Settings) -> Iterator[Meter]:
    made = Meter.at(settings.redis_url)
    yield made
    made.server.close()


def asked(made: Meter) -> int:
    """How often Redis has been told to add."""
    found = made.server.info("commandstats").get("cmdstat_incrby", {"calls": 0})
    return int(found["calls"])


def use(made: Meter, name: str, amount: int = 1) -> int:
    return made.add(name, amount, MINUTE, most=MOST, now=NOON)


@pytest.mark.usefixtures("clock")
def test_uses_of_one_second_ask_redis_once(counting: Meter, name: str) -> None:
    before = asked(counting)
    assert [use(counting, name) for _ in range(100)] == list(range(1, 101))
    assert asked(counting) == before + 1


def test_uses_of_another_process_are_known_within_a_second(
    settings: Settings, counting: Meter, clock: Clock, name: str
) -> None:
    other = Meter.at(settings.redis_url)
    use(counting, name)
    use(other, name, 5)
    use(other, name, 5)
    assert use(counting, name) == 2
    clock.seconds += SETTLED_SECONDS
    use(other, name, 0)
    assert use(counting, name) == 13


@pytest.mark.usefixtures("clock")
def test_uses_near_a_limit_ask_redis_each_time(counting: Meter, name: str) -> None:
    use(counting, name, int(MOST * NEAR))
    before = asked(counting)
    for _ in range(5):
        use(counting, name)
    assert asked(counting) == before + 5


def test_limit_is_passed_by_no_more_than_others_count_in_a_second(
    settings: Settings, clock: Clock, name: str
) -> None:
    processes = [Meter.at(settings.redis_url) for _ in range(3)]
    taken, each_second = 0, 10
    for _ in range(MOST):
        clock.seconds += SETTLED_SECONDS / each_second
        taken += sum(use(process, name) <= MOST for process in processes)
    assert MOST <= taken <= MOST + each_second * (len(processes) - 1)


@pytest.mark.usefixtures("clock")
def test_what_was_counted_without_redis_is_told_once_it_is_back(
    settings: Settings, counting: Meter, clock: Clock, name: str
) -> None:
    there, away = counting.server, Meter.at("redis://127.0.0.1:1/0").server
    counting.server = away
    assert [use(counting, name) for _ in range(3)] == [1, 2, 3]
    counting.server = there
    clock.seconds += SETTLED_SECONDS
    assert use(counting, name) == 4
    assert Meter.at(settings.redis_url).add(name, 0, MINUTE, now=NOON) == 4


@pytest.mark.usefixtures("clock")
def test_redis_that_forgot_all_begins_no_window_anew(counting: Meter, name: str) -> None:
    use(counting, name, 150)
    counting.server.delete(f"quota:{name}:{MINUTE.number(NOON)}")
    assert counting.add(name, 10, MINUTE, now=NOON) == 160


def test_counters_of_past_windows_are_dropped(counting: Meter, clock: Clock, name: str) -> None:
    counting._swept_at = 10
    for number in range(10):
        use(counting, f"{name}-{number}")
    clock.seconds += MINUTE.seconds + 1
    use(counting, name)
    assert len(counting._counts) == 1
