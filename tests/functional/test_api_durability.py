"""201 means committed and flushed: what was acknowledged outlives any crash, once."""

from __future__ import annotations

from bench.durability import under_fire


def test_acknowledged_events_survive_crashes_of_database_and_web_workers() -> None:
    found = under_fire(stops=3, kills=3)
    assert found.acknowledged > 100
    assert found.kept, found


def test_events_are_lost_in_the_same_crashes_without_fsync() -> None:
    """The control: faults that a careless server survives would prove nothing."""
    found = under_fire(stops=4, kills=0, synchronous_commit=False)
    assert found.lost > 0
