"""``python -m bench.faults``: the long fault suites with their controls, as one Markdown table."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import random
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from bench import durability
from bench.faults import exports, memory, schedules, slow, tamper, tree, words
from bench.faults.catalogue import OUTAGES
from bench.faults.harm import FAULTS
from bench.faults.hostile import two_hostile_uploads
from bench.faults.installation import SWEEPING, installation
from bench.faults.outages import suffered
from bench.faults.upgrade import upgraded
from bench.faults.verdict import COLUMNS, Verdict, counted
from bench.tables import Table

ROUNDS = 5
"""How often each fault strikes for 200 exports."""
LEAK_BYTES = 2 << 20
STRANDED_SECONDS = 15.0
"""What has not moved for so long without the sweeper is stranded."""


def exports_under_fire(count: int) -> Verdict:
    rounds = max(1, ROUNDS * count // 200)
    with installation(megabytes=32 + 3 * count // 2) as made:
        made.start()
        trial = exports.Trial(made, random.Random(exports.SEED))
        made.await_workers()
        made.start_beat(without=SWEEPING)
        harm = ["worker group kill -9", "Redis FLUSHALL"]
        without = trial.run(max(4, count // 20), harm, STRANDED_SECONDS)
        made.start_beat()
        found = trial.run(count, [name for name in FAULTS for _ in range(rounds)])
    reasons = "; ".join(f"{n} “{reason}”" for reason, n in found.failed.most_common())
    return Verdict(
        f"{found.exports} exports in five formats",
        f"{rounds} × each of {', '.join(FAULTS)}",
        f"{found.ready} ready, {found.failed.total()} failed ({reasons});"
        f" slowest answer {found.slowest_seconds:.2f} s,"
        f" {found.slowest_waited_seconds:.2f} s where PostgreSQL was away",
        counted(found.broken + Counter(unfinished=found.unfinished)),
        f"without the sweeper {without.unfinished} of {without.exports} never end",
        found.kept and without.unfinished > 0 and found.prompt,
    )


def schedules_under_fire(jumps: int) -> Verdict:
    with installation() as made:
        made.start()
        made.await_workers()
        made.start_beat(without="tick schedules")
        trial = schedules.Trial(made, random.Random(exports.SEED))
        found = trial.run(jumps, outages=jumps // 2)
        careless = schedules.Trial(made, random.Random(exports.SEED)).run_careless()
    return Verdict(
        f"{found.schedules} schedules, {schedules.TICKERS} tickers",
        f"{jumps} jumps of the clock, {jumps // 2} × one of {', '.join(schedules.OUTAGES)}",
        f"{found.reports} reports of {found.events} events, {found.late} of them late",
        counted(found.broken),
        f"without lock and key: {counted(careless.broken)}",
        found.kept and careless.broken["made twice"] > 0,
    )


def memory_of_workers(count: int) -> Verdict:
    def measured(exports_: int, **variables: str) -> memory.Memory:
        with installation() as made:
            made.start(**variables)
            trial = exports.Trial(made, random.Random(exports.SEED))
            made.await_workers()
            made.start_beat()
            return memory.over(made, trial, exports_)

    found, leaking = measured(count), measured(max(100, count // 4), LEAK=str(LEAK_BYTES))
    return Verdict(
        f"worker memory over {count} exports",
        "",
        f"largest process {found.early:.0f} MB after {memory.WARM * count // memory.PORTIONS},"
        f" {found.late:.0f} MB after {count}; none grew by more than {found.growth:.0f} MB",
        "" if found.flat else f"grew by {found.growth:.0f} MB; {counted(found.found.broken)}",
        f"with a leak of 2 MB a task it grows by {leaking.growth:.0f} MB",
        found.flat and not leaking.flat,
    )


def ingest_under_fire(faults: int) -> Verdict:
    found = durability.under_fire(faults, faults)
    careless = durability.under_fire(faults, faults, synchronous_commit=False)
    return Verdict(
        f"ingest, {durability.WRITERS} writers",
        f"{faults} × PostgreSQL stopped, {faults} × web worker kill -9",
        f"{found.acknowledged:,} acknowledged of {found.attempts:,} attempts",
        "" if found.kept else str(found),
        f"with synchronous_commit=off {careless.lost:,} lost",
        found.kept and careless.lost > 0,
        failed=counted(found.wrong) or "0",
        lost=str(found.lost),
        doubled=str(found.doubled),
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="make faults ARGS=…", description=__doc__)
    options.add_argument("--exports", type=int, default=200, help="how many under fire")
    options.add_argument("--schedules", type=int, default=24, help="jumps of their clock")
    options.add_argument("--memory", type=int, default=500, help="exports to watch memory over")
    options.add_argument("--ingest", type=int, default=25, help="stops and kills while ingesting")
    options.add_argument("--places", type=int, default=100, help="to tamper with, in each way")
    options.add_argument("--kills", type=int, default=200, help="of workers that follow a log")
    options.add_argument(
        "--before", default="", help="the commit to upgrade from: the newest tag, or HEAD~1"
    )
    options.add_argument("only", nargs="*", metavar="SUITE", help=", ".join(_SUITES))
    given = options.parse_args()
    logging.disable(logging.CRITICAL)  # refusals and lost connections are what is asked for
    table = Table("Faults", COLUMNS)
    passed = True
    for name, suite in _SUITES.items():
        if given.only and name not in given.only:
            continue
        verdict = suite(given)
        table.add(*verdict.cells())
        passed = passed and verdict.passed
    print(f"{platform.platform()}, {os.cpu_count()} processors, {datetime.now(UTC):%Y-%m-%d}\n")
    print(table)
    sys.exit(not passed)


Suite = Callable[[argparse.Namespace], Verdict]
_SUITES: dict[str, Suite] = {
    "exports": lambda given: exports_under_fire(given.exports),
    "schedules": lambda given: schedules_under_fire(given.schedules),
    "memory": lambda given: memory_of_workers(given.memory),
    "ingest": lambda given: ingest_under_fire(given.ingest),
    "upgrade": lambda given: upgraded(given.before),
    "hostile": lambda _given: two_hostile_uploads(),
    "tamper": lambda given: tamper.tampered(given.places),
    "tree": lambda given: tree.under_kills(given.kills),
    "words": lambda given: words.under_kills(given.kills),
    "slow-bodies": lambda _given: slow.slow_bodies(),
    "slow-readers": lambda _given: slow.slow_readers(),
    **{name: lambda _given, o=outage: suffered(o) for name, outage in OUTAGES.items()},  # type: ignore[misc]
}


if __name__ == "__main__":
    main()
