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
        # Without sweeps what strikes an export leaves it; now and then it strikes none.
        struck = ["worker group kill -9", "Redis FLUSHALL"]
        assert any(trial.run(4, struck, still_seconds=8).unfinished for _ in range(5))
        made.start_beat()
        found = trial.run(12, list(FAULTS))
        assert found.kept, found
        assert found.ready, found
