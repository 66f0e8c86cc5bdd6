"""Every kind of forgery of a file or its proof, and what the verifier says of each."""

from __future__ import annotations

import json

import pytest

from tests.support.forgeries import FORGERIES, LOG, hide
from tests.support.proofs import (
    INCOMPLETE,
    PROVEN,
    REFUSED,
    START,
    Bundle,
    Line,
    Log,
    answer,
    event,
    written,
)


def test_honest_file_is_proven_and_complete() -> None:
    code, words = answer(LOG.by_status())
    assert code == PROVEN
    assert "Proven and complete: all events of the file (5) are in the log" in words


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_is_refused_and_named(name: str) -> None:
    forge, named = FORGERIES[name]
    bundle = LOG.by_status()
    forge(bundle)
    code, words = answer(bundle)
    assert code == REFUSED, words
    assert named in words
    assert words.startswith("Refused: ")


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_is_refused_without_marks(name: str) -> None:
    forge, _ = FORGERIES[name]
    bundle = LOG.by_status()
    for line in bundle.lines:
        line.pop("mark", None)
    forge(bundle)
    assert answer(bundle).code == REFUSED


def test_row_outside_of_the_filter_is_refused() -> None:
    bundle = LOG.file(query={"status": ["error"]})
    assert answer(bundle).code == REFUSED


@pytest.mark.parametrize("more", [{}, {"gone": 1}, {"gone": True}, {"in": 0}])
def test_row_of_which_nothing_is_shown_makes_the_file_incomplete(more: Line) -> None:
    bundle = LOG.by_status()
    hide(lambda n: LOG.hidden(n, **more))(bundle)
    code, words = answer(bundle)
    assert code == INCOMPLETE
    assert "1 events" in words


def test_row_said_to_be_gone_by_a_cut_in_the_future_makes_the_file_incomplete() -> None:
    bundle = LOG.by_status()
    hide(lambda n: LOG.hidden(n, gone=1))(bundle)
    bundle.head["cut"] = START + 10**15
    code, words = answer(bundle)
    assert code == INCOMPLETE
    assert "removed for their age, before 2058-07-29T" in words


def test_mark_makes_nothing_proven() -> None:
    """Whoever forges a row forges its mark, too."""
    bundle = LOG.by_status()
    bundle.change_row(0, lambda row: row.update(method="GET"))
    forged = Log([*LOG.rows[:2], json.loads(bundle.rows[0]), *LOG.rows[3:]])
    bundle.lines[3]["mark"] = forged.mark(3)
    code, words = answer(bundle)
    assert code == REFUSED
    assert "not what the log holds" in words


def test_file_of_an_empty_log_is_refused() -> None:
    log = Log([])
    bundle = Bundle([], [LOG.file().head | {"checkpoint": log.note, "first": 1}], LOG.file().key)
    for last in (0, 1):
        bundle.head.update(last=last, outside=[])
        assert answer(bundle.reseal()).code == REFUSED


def test_row_that_repeats_a_name_is_refused() -> None:
    bundle = LOG.by_status()
    bundle.rows[0] = bundle.rows[0].replace(b'"status":', b'"status":"success","status":', 1)
    code, words = answer(bundle.reseal())
    assert (code, "a name stands twice" in words) == (REFUSED, True)


def test_events_of_one_second_are_told_apart() -> None:
    """The leaf holds the number: two events that are equal otherwise cannot change places."""
    twin = event(0)
    log = Log([twin, {**twin, "seq": 2}])
    bundle = log.file()
    bundle.rows.reverse()
    assert answer(bundle.reseal()).code == REFUSED


def test_workspace_is_no_part_of_the_proof() -> None:
    """Its slug changes; the log's name, which is proven, holds its uuid."""
    bundle = LOG.by_status()
    bundle.change_row(0, lambda row: row.update(workspace="renamed"))
    assert answer(bundle).code == PROVEN


def test_trailing_row_of_another_shape_is_refused() -> None:
    bundle = LOG.by_status()
    bundle.rows.append(written({}))
    assert answer(bundle.reseal()).code == REFUSED
