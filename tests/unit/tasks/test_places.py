"""How many processes of a worker may do long jobs."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event

import pytest

from config.celery import HEAVY, IMPORTS, MAINTENANCE, QUICK, TREE
from tasks.places import Held, Places, places


@pytest.mark.parametrize(
    ("processes", "queues", "of", "together"),
    [
        (2, {QUICK, HEAVY, IMPORTS}, {HEAVY: 1, IMPORTS: 1}, 1),
        (4, {QUICK, HEAVY, IMPORTS}, {HEAVY: 2, IMPORTS: 2}, 3),
        (2, {HEAVY, IMPORTS}, {HEAVY: 1, IMPORTS: 1}, 2),
        (3, {IMPORTS}, {IMPORTS: 3}, 3),
        (2, {QUICK}, {}, 1),
        (1, {QUICK, HEAVY, IMPORTS, MAINTENANCE}, {HEAVY: 1, IMPORTS: 1, MAINTENANCE: 1}, 1),
        (2, {MAINTENANCE, TREE}, {MAINTENANCE: 1}, 2),
    ],
)
def test_long_jobs_leave_a_process_to_every_other_queue(
    processes: int, queues: set[str], of: dict[str, int], together: int
) -> None:
    assert places(processes, queues) == Places(of, together)


def hold(held: Held, queue: str, got: Event, go: Event) -> None:
    with held.one(queue) as is_free:
        assert is_free
        got.set()
        go.wait(60)


def test_a_place_is_free_again_when_its_process_was_killed() -> None:
    held = Held(places(2, {QUICK, HEAVY, IMPORTS}))
    fork = multiprocessing.get_context("fork")
    got, go = fork.Event(), fork.Event()
    process = fork.Process(target=hold, args=(held, IMPORTS, got, go))
    process.start()
    assert got.wait(60)
    for queue, free in ((IMPORTS, False), (HEAVY, False), (QUICK, True)):
        with held.one(queue) as is_free:
            assert is_free is free
    process.kill()
    process.join(60)
    with held.one(HEAVY) as is_free:
        assert is_free
