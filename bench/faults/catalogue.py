"""The outages of ``python -m bench.faults``: how each strikes, and what tells an operator of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

import redis
from sqlalchemy import create_engine, text

from bench.faults import clock
from bench.faults.outages import Outage
from bench.faults.sight import Signs, above, says, share
from bench.faults.site import DEADLINES, LIMITS, Site
from tests.support.engines import frozen, postgres_processes, redis_processes

ROOM_BYTES = 64 << 10
"""What Redis may grow by before it is full."""
FILLER_BYTES = 2048


def _postgres_frozen(found: Site) -> AbstractContextManager[None]:
    return frozen(postgres_processes(found.made.folder))


def _redis_frozen(found: Site) -> AbstractContextManager[None]:
    return frozen(redis_processes(found.made.folder))


@contextmanager
def _redis_full(found: Site) -> Iterator[None]:
    with redis.Redis.from_url(found.made.settings.redis_url) as server:
        used = int(server.info("memory")["used_memory"])
        server.config_set("maxmemory", used + ROOM_BYTES)
        try:
            with suppress(redis.ResponseError):
                for number in range(ROOM_BYTES):
                    server.set(f"filler:{number}", bytes(FILLER_BYTES))
            yield
        finally:
            server.config_set("maxmemory", 0)


@contextmanager
def _disk_full(found: Site) -> Iterator[None]:
    assert found.database_disk is not None
    found.database_disk.becomes_full(())
    try:
        yield
    finally:
        found.database_disk.has_room_again()


def _reads(found: Site) -> tuple[str, bool]:
    """Tell whether a probe that only reads is content."""
    engine = create_engine(found.made.settings.database_url)
    with engine.connect() as connection:
        content = connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    return "a probe that only reads is content", content


@contextmanager
def _dead(name: str, found: Site) -> Iterator[None]:
    found.made.kill(name)
    yield


def _page(part: str) -> Callable[[str], bool]:
    return says(f'data-part="{part}" data-fine="no"')


DATABASE_AWAY = Signs(
    figures=says(r'^auditsaas_up\{part="database"\} 0'),
    doctor=says(r"^fail +app role: .*(is away|does not answer)"),
    page=says("The database does not answer"),
)
REDIS_AWAY = Signs(
    figures=says(r'^auditsaas_up\{part="redis"\} 0'),
    doctor=says("^fail +Redis.*does not answer"),
    page=_page("Redis"),
)
REDIS_FULL = Signs(
    figures=share("auditsaas_redis_memory_used_bytes", "auditsaas_redis_memory_max_bytes", 0.9),
    doctor=says("^(warn|fail) +Redis memory"),
    page=_page("Redis memory"),
)
DISK_FULL = Signs(
    figures=says("^auditsaas_database_takes_writes 0"),
    doctor=says("^fail +disk"),
    page=says('data-part="Database disk" data-fine="no"|The database.s disk is full'),
)
WORKERS_DEAD = Signs(
    figures=says(r'^auditsaas_workers\{queue="quick"\} 0'),
    doctor=says("^fail +workers"),
    page=_page("Workers"),
)
BEAT_DEAD = Signs(
    figures=above("auditsaas_beat_age_seconds", 30),
    doctor=says("^fail +beat"),
    page=_page("Beat"),
)

CLOCK_DIFFERS = Signs(
    figures=above("auditsaas_clock_ahead_seconds", 2),
    doctor=says("^warn +clock"),
    page=_page("Clock"),
)

_FROZEN = {
    seconds: Outage(
        name=f"PostgreSQL frozen for {seconds} s",
        strike=_postgres_frozen,
        signs=DATABASE_AWAY,
        seconds=seconds,
        writers=24,
        careless=DEADLINES,
    )
    for seconds in (30, 75)
}
OUTAGES: Final = {
    "frozen30": _FROZEN[30],
    "frozen75": _FROZEN[75],
    "full": Outage(
        name="PostgreSQL's disk full",
        strike=_disk_full,
        signs=DISK_FULL,
        blind=_reads,
        small_disk=True,
    ),
    "redis-frozen": Outage(
        name="Redis frozen",
        strike=_redis_frozen,
        signs=REDIS_AWAY,
        seconds=10,
        writers=64,
        batch=1,
        careless=LIMITS,
    ),
    "redis-full": Outage(
        name="Redis full",
        strike=_redis_full,
        signs=REDIS_FULL,
        seconds=10,
        writers=64,
        batch=1,
        careless=LIMITS,
    ),
    "workers": Outage(
        name="workers dead", strike=lambda found: _dead("worker", found), signs=WORKERS_DEAD
    ),
    "clock": Outage(
        name="the clock jumps by 90 s, an hour and a day, both ways",
        strike=clock.jumped,
        signs=CLOCK_DIFFERS,
        variables=clock.variables,
    ),
    "beat": Outage(name="beat dead", strike=lambda found: _dead("beat", found), signs=BEAT_DEAD),
}
