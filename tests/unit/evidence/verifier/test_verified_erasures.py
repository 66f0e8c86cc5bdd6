"""Rows of which parts were erased: they prove, and nothing can be put back or hidden as erased."""

from __future__ import annotations

import pytest

from tests.support.erased_rows import ALL, FORGERIES, LOG, PSEUDONYM, SEQ, bundle, erased_row, line
from tests.support.proofs import INCOMPLETE, PROVEN, REFUSED, answer, written


@pytest.mark.parametrize("slots", [*((slot,) for slot in ALL), (), ALL, (10,), (14,)])
def test_erased_parts_prove(slots: tuple[int, ...]) -> None:
    assert answer(bundle(slots)).code == PROVEN


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_erasure_is_refused_and_named(name: str) -> None:
    forge, named = FORGERIES[name]
    made = bundle(ALL)
    forge(made)
    code, words = answer(made.reseal())
    assert (code, "line 4 of the file (number 4): " in words) == (REFUSED, True)
    assert named in words


def test_status_cannot_be_hidden_as_erased() -> None:
    made = bundle(())
    made.lines[SEQ] = line((3,))
    made.change_row(SEQ - 1, lambda row: row.pop("status"))
    assert answer(made).code == REFUSED


def test_erased_part_under_the_filter_makes_the_file_incomplete() -> None:
    made = LOG.file(lambda row: row["seq"] == SEQ, {"actor.id": [PSEUDONYM]})
    made.rows = [written(erased_row((5,)))]
    made.lines[SEQ] = line((5,))
    for seq in {*range(1, 10)} - {SEQ}:
        made.lines[seq] = LOG.opened(seq, 5)
    code, words = answer(made.reseal())
    assert code == INCOMPLETE
    assert "that 1 events match, which are erased where the filter looks" in words


def test_erased_part_under_no_filter_changes_nothing() -> None:
    made = bundle((5, 6), {"method": ["POST"]})
    assert answer(made).code == PROVEN
