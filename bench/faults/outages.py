"""Outages under load: no request fails but those that are told so in words, nothing is lost or
doubled, and an operator sees the cause within a minute.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.delivery import Findings
from bench.faults.disk import Disk
from bench.faults.installation import Installation, installation
from bench.faults.sight import LIMIT_SECONDS, Seen, Signs
from bench.faults.site import Site, await_recovery, site, warm_up
from bench.faults.small import small_installation
from bench.faults.verdict import Verdict, counted

PAUSE = threading.Event()
LEAST_CONTROL_SECONDS = 10.0

Strike = Callable[[Site], AbstractContextManager[None]]
Blind = Callable[[Site], tuple[str, bool]]


def readiness(found: Site) -> tuple[str, bool]:
    """Tell what ``/readyz`` says, and whether it is content."""
    words = "".join(found.operator.ask("/readyz").split())
    return f"/readyz says {words}", words == '{"database":"ok","redis":"ok"}'


@dataclass(frozen=True, kw_only=True)
class Outage:
    """One fault under load.

    Its control is the same web without the cure that ``careless`` names, which has to fail; else
    ``blind``, a look that has to find nothing wrong while it lasts.
    """

    name: str
    strike: Strike
    signs: Signs
    seconds: float = 0.0
    """How long it lasts at least; it lasts until every place has told of it."""
    writers: int = 8
    batch: int = 5
    careless: str = ""
    blind: Blind = readiness
    small_disk: bool = False
    """Whether PostgreSQL has a small disk of its own."""
    variables: Callable[[Path], dict[str, str]] = lambda _folder: {}
    """What the product's processes are told beside their settings."""


@dataclass(frozen=True)
class Outcome:
    found: Findings
    seen: Seen
    false_alarms: list[str]
    blind: tuple[str, bool]
    """What the control that only looks said, and whether it found nothing."""

    @property
    def broken(self) -> Counter[str]:
        found = self.found
        wrong = {
            "lost": found.lost,
            "doubled": found.doubled,
            "unasked": found.unasked,
            "gaps in seq": found.gaps,
            "counts that differ": int(not found.counted),
        }
        wrong |= {f"{place} blind for {LIMIT_SECONDS:.0f} s": 1 for place in self.seen.missed}
        wrong |= {f"{place} alarmed before": 1 for place in self.false_alarms}
        return +(found.failed + Counter(wrong))


def suffered(outage: Outage) -> Verdict:
    """Let it happen to an installation as shipped, and to its control."""
    try:
        came = _happened(outage)
        control, control_failed = _without_cure(outage) if outage.careless else came.blind
    except (PermissionError, FileNotFoundError) as error:
        return Verdict("ingest", outage.name, "", f"not run: {error}", "", passed=False)
    except AssertionError as error:
        return Verdict("ingest", outage.name, "", str(error), "", passed=False)
    found = came.found
    refused = ", ".join(f"{n} × {status}" for status, n in found.refused.items()) or "none"
    return Verdict(
        suite=f"ingest, {outage.writers} writers",
        under=outage.name,
        came=f"{found.acknowledged:,} acknowledged; refused in words: {refused}",
        failed=counted(found.failed) or "0",
        lost=str(found.lost),
        doubled=str(found.doubled),
        seen=str(came.seen),
        broken=counted(came.broken),
        control=control,
        passed=not came.broken and control_failed,
    )


def _happened(outage: Outage) -> Outcome:
    with (
        _installed(outage) as (made, disk),
        site(made, disk, **outage.variables(made.folder)) as found,
    ):
        found.start_background()
        alarms = found.operator.look(outage.signs)
        senders = found.senders(outage.writers, outage.batch)
        try:
            warm_up(senders)
            with outage.strike(found):
                until = time.monotonic() + outage.seconds
                seen = found.operator.watch(outage.signs)
                blind = outage.blind(found)
                PAUSE.wait(max(0.0, until - time.monotonic()))
            await_recovery(senders)
        finally:
            senders.stop()
        return Outcome(found.findings(senders), seen, alarms, blind)


def _without_cure(outage: Outage) -> tuple[str, bool]:
    """Tell in words what failed without the cure, and whether anything did."""
    with _installed(outage) as (made, disk), site(made, disk, careless=outage.careless) as found:
        senders = found.senders(outage.writers, outage.batch)
        try:
            warm_up(senders)
            with outage.strike(found):
                PAUSE.wait(max(LEAST_CONTROL_SECONDS, outage.seconds))
        finally:
            senders.stop()
        failed = found.findings(senders).failed
    return f"without {outage.careless}: {counted(failed) or 'nothing failed'}", bool(+failed)


@contextmanager
def _installed(outage: Outage) -> Iterator[tuple[Installation, Disk | None]]:
    if outage.small_disk:
        with small_installation() as (made, disk):
            yield made, disk
    else:
        with installation() as made:
            yield made, None
