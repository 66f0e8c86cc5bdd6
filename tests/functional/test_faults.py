"""The short fault suite; ``make faults`` runs the long one."""

from __future__ import annotations

import random

from bench.faults.exports import SEED, Trial
from bench.faults.harm import FAULTS
from bench.faults.installation import SWEEPING, installation


def test_export_is_ready_or_failed_with_a_reason_after_every_fault() -> None:
    with installation(megabytes=64) as made:
        made.start()
        trial = Trial(made, random.Random(SEED))
        made.await_workers()
        made.start_beat(without=SWEEPING)
        control = trial.run(4, ["worker group kill -9", "Redis FLUSHALL"], still_seconds=8)
        assert control.unfinished, control
        made.start_beat()
        found = trial.run(12, list(FAULTS))
        assert found.kept, found
        assert found.ready, found
