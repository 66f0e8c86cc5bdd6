"""What a file shows of numbers that are not in it: filter, time, age, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.notes import SigningKey
from tests.support.proofs import (
    INCOMPLETE,
    PROVEN,
    REFUSED,
    START,
    STEP,
    Bundle,
    Log,
    Row,
    answer,
    event,
    moment,
)
from tests.support.shown_slots import FILTERS, KEYED, LOG, by_slot


@pytest.mark.parametrize("name", FILTERS)
def test_filter_is_proven_by_its_slot(name: str) -> None:
    slot, query, wanted = FILTERS[name]
    code, words = answer(by_slot(slot, query, wanted))
    assert code == PROVEN, words
    assert f"Filter: {str(query).replace(chr(39), chr(34))}" in words


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - {"method", "platform"}))
def test_event_that_its_slot_does_not_exclude_is_not_explained(name: str) -> None:
    slot, query, wanted = FILTERS[name]
    left_out = next(row["seq"] for row in LOG.rows if wanted(row))
    bundle = by_slot(slot, query, lambda row: wanted(row) and row["seq"] != left_out)
    assert answer(bundle).code == INCOMPLETE


@pytest.mark.parametrize("name", sorted(FILTERS.keys() - {"activity, all"}))
def test_row_that_its_filter_excludes_is_refused(name: str) -> None:
    slot, query, wanted = FILTERS[name]
    extra = next(row["seq"] for row in LOG.rows if not wanted(row))
    bundle = by_slot(slot, query, lambda row: wanted(row) or row["seq"] == extra)
    code, words = answer(bundle)
    assert (code, "the filter does not ask for it" in words) == (REFUSED, True)


def test_slot_that_the_filter_does_not_ask_for_explains_nothing() -> None:
    bundle = by_slot(leaf.METHOD, {"status": ["error"]}, lambda row: row["status"] == "error")
    assert answer(bundle).code == INCOMPLETE


def test_events_without_a_source_are_found_as_none() -> None:
    rows = [event(n) for n in range(6)]
    for row in rows[:3]:
        del row["source"]
    log = Log(rows)
    bundle = by_slot(15, {"source": ["none"]}, lambda row: "source" not in row, log)
    assert answer(bundle).code == PROVEN
    own = by_slot(15, {"source": ["product"]}, lambda row: row.get("source") == "product", log)
    assert answer(own).code == PROVEN


def test_event_without_a_method_is_excluded_by_it() -> None:
    row = event(1)
    del row["method"]
    bundle = by_slot(4, {"method": ["POST"]}, lambda row: "method" in row, Log([event(0), row]))
    assert answer(bundle).code == PROVEN


def within(start: int, end: int) -> Callable[[Row], bool]:
    return lambda row: start <= leaf.micros_of(row["occurred_at"]) < end


def test_time_alone_excludes() -> None:
    start, end = START + 3 * STEP, START + 9 * STEP
    code, words = answer(LOG.file(within(start, end), {"from": start, "to": end}))
    assert code == PROVEN
    assert "6 in the file (0 erased in part), 15 other" in words
    assert '"from": "2026-11-20T12:00:03Z", "to": "2026-11-20T12:00:09Z"' in words


@pytest.mark.parametrize("off", [-1, 1])
def test_range_that_is_said_to_be_another_does_not_fit_the_rows(off: int) -> None:
    start, end = START + 3 * STEP, START + 9 * STEP
    bundle = LOG.file(within(start, end), {"from": start + off * STEP, "to": end})
    assert answer(bundle).code == (REFUSED if off > 0 else INCOMPLETE)


@pytest.mark.parametrize(("first", "last"), [(1, 21), (1, 1), (21, 21), (8, 14), (2, 20), (16, 17)])
def test_part_of_the_numbers_is_proven_and_said(first: int, last: int) -> None:
    code, words = answer(LOG.file(first=first, last=last))
    assert code == PROVEN
    assert f"Of 21 events numbers {first} to {last} were looked at: {last - first + 1} in" in words
    assert ("Those before are not looked at" in words) == (first > 1)


def late_range(received: int) -> Bundle:
    """A range whose first number arrived then, and says so."""
    start = START + 3600 * STEP
    first = event(2, received_at=moment(received))
    log = Log([event(0), event(1), first, event(3, occurred_at=moment(start))])
    query = {"from": start}
    return log.file(within(start, 1 << 62), query, first=3, instead={3: log.opened(3, 1)})


def test_numbers_before_a_range_came_too_early_where_its_first_shows_it() -> None:
    start = START + 3600 * STEP
    early = answer(late_range(start - 901 * STEP))
    assert early.code == PROVEN
    assert "Those before came too early to match." in early.words
    late = answer(late_range(start - 899 * STEP))
    assert "Those before are not looked at." in late.words


def test_late_event_does_not_speak_for_the_numbers_before_it() -> None:
    """It occurred long before the range, and arrived within it."""
    late = event(2, occurred_at="2020-01-01T00:00:00Z", received_at=moment(START + 5 * STEP))
    log = Log([event(0), event(1), late, event(3)])
    start = START + 2 * STEP
    bundle = log.file(
        within(start, 1 << 62), {"from": start}, first=3, instead={3: log.opened(3, 1)}
    )
    code, words = answer(bundle)
    assert (code, "are not looked at" in words) == (PROVEN, True)


def test_arrival_of_another_number_than_the_first_explains_nothing() -> None:
    rows = [event(0), event(1, received_at="2020-01-01T00:00:00Z"), event(2)]
    log = Log(rows)
    bundle = log.file(query={"from": START}, instead={2: log.opened(2, 1)})
    assert answer(bundle).code == INCOMPLETE


def removed_log() -> Log:
    rows = [event(n) for n in range(6)]
    own = {"activity": "retention.apply", "source": "product"}
    before = moment(START + 3 * STEP).replace("Z", "+00:00")
    rows.append(event(6, **own, metadata={"removed": 3, "before": before}))
    return Log(rows)


def removed_file(log: Log, cut: int, **head: Any) -> Bundle:
    gone = {n: log.hidden(n, gone=1) for n in (1, 2, 3)}
    return log.file(instead=gone, cut=cut, **head)


def test_removed_events_are_proven_to_be_old_by_the_record_of_the_log() -> None:
    log, cut = removed_log(), START + 3 * STEP
    record = {"event": log.rows[6], "proof": log.proof_of(7)}
    code, words = answer(removed_file(log, cut, retention=record))
    assert code == PROVEN
    assert "3 gone" in words


def test_removed_events_without_a_record_make_the_file_incomplete() -> None:
    log, cut = removed_log(), START + 3 * STEP
    code, words = answer(removed_file(log, cut))
    assert code == INCOMPLETE
    assert "3 events were removed for their age, before 2026-11-20T12:00:03Z" in words
    assert answer(removed_file(log, cut + STEP)).code == INCOMPLETE


def forged_records(log: Log) -> dict[str, dict[str, Any]]:
    row, stranger = log.rows[6], Log(log.rows, secret=bytes(32))
    by_key = Log([*log.rows[:6], {**row, "source": KEYED}])
    return {
        "of another time": {"event": {**row, "metadata": {}}, "proof": log.proof_of(7)},
        "of another form": {"event": row, "proof": log.proof_of(7).replace("@v1", "@v2")},
        "of another log": {"event": row, "proof": stranger.proof_of(7)},
        "sent by a key": {"event": by_key.rows[6], "proof": by_key.proof_of(7)},
        "another event": {"event": log.rows[5], "proof": log.proof_of(6)},
        "of another number": {"event": row, "proof": log.proof_of(6)},
        "none": {},
    }


@pytest.mark.parametrize("name", forged_records(removed_log()))
def test_forged_record_is_refused(name: str) -> None:
    log, cut = removed_log(), START + 3 * STEP
    assert answer(removed_file(log, cut, retention=forged_records(log)[name])).code == REFUSED


def test_record_of_an_older_cut_does_not_cover_a_younger_one() -> None:
    log, cut = removed_log(), START + 4 * STEP
    record = {"event": log.rows[6], "proof": log.proof_of(7)}
    assert answer(removed_file(log, cut, retention=record)).code == INCOMPLETE


def test_number_that_is_gone_and_younger_than_the_cut_is_not_explained() -> None:
    code, words = answer(removed_file(removed_log(), START + 2 * STEP))
    assert (code, "nothing is shown" in words) == (INCOMPLETE, True)


def test_numbers_removed_before_the_log_was_sealed_are_counted() -> None:
    log = Log([event(n) for n in range(7)], vacant=frozenset({1, 2, 5}))
    gone = {n: log.hidden(n, gone=1) for n in log.vacant}
    code, words = answer(log.file(instead=gone))
    assert (code, "3 gone" in words) == (PROVEN, True)
    gone[3] = {**gone[1]}
    assert answer(log.file(instead=gone)).code == REFUSED


def test_checkpoint_with_other_signatures_and_lines_is_read() -> None:
    witness = SigningKey("witness.example.com/w", bytes(range(1, 33)))
    same_name = SigningKey(LOG.origin, bytes(range(2, 34)))
    bundle = LOG.file()
    bundle.head["checkpoint"] = LOG.checkpoint.signed_by(witness, same_name, LOG.key, LOG.key)
    assert answer(bundle).code == PROVEN
    note = bundle.head["checkpoint"]
    bundle.head["checkpoint"] = note.replace("\n\n", "\nextension\n\n", 1)
    assert answer(bundle).code == REFUSED
