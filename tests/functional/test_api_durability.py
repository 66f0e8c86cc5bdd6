"""201 means committed and flushed: what was acknowledged outlives any crash, once."""

from __future__ import annotations

from bench.durability import under_fire


def test_what_was_acknowledged_outlives_crashes_of_the_database_and_of_web_workers() -> None:
    found = under_fire(stops=3, kills=3)
    assert found.acknowledged > 100
    assert found.kept, found


def test_the_same_crashes_lose_events_where_nothing_is_flushed() -> None:
    """The control: faults that a careless server survives would prove nothing."""
    found = under_fire(stops=4, kills=0, synchronous_commit=False)
    assert found.lost > 0
