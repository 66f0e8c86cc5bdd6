"""The page on ASVS names every requirement of levels 1 and 2 once, and claims what tests show."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import pytest

from tests.architecture.asvs_requirements import LEVELS_1_AND_2
from tests.architecture.test_security_page import ROOT, named

PAGE = (ROOT / "docs/asvs.md").read_text()
ROW = re.compile(
    r"^\| (?P<item>\d+\.\d+\.\d+[^|]*) \| (?P<mark>\S+) \| (?P<where>.*) \|$", re.MULTILINE
)
NUMBER = re.compile(r"\d+\.\d+\.\d+")
HELD, PARTLY, NOT, APART = "●◐○–"


class Row(NamedTuple):
    """One row of a chapter's table."""

    numbers: tuple[str, ...]
    mark: str
    where: str

    @property
    def problem(self) -> str | None:
        """Say what the row lacks."""
        tests = re.findall(r"`(test_\w+(?:\.py)?)`", self.where)
        if unknown := [word for word in tests if not named(word)]:
            return f"there is no {unknown}"
        if self.mark == HELD and not tests:
            return "is held without a test"
        if self.mark in (PARTLY, NOT) and not re.search(r"\*Missing\*: .{10}", self.where):
            return "does not say what is missing"
        if self.mark == APART and (tests or len(self.where) < 4):
            return "does not say why it does not apply"
        return None if self.mark in (HELD, PARTLY, NOT, APART) else "has no such mark"


def rows() -> list[Row]:
    """Read the rows; the numbers are those before the title."""
    found = []
    for match in ROW.finditer(PAGE):
        numbers = re.match(r"[\d., ]+", match["item"])
        assert numbers is not None
        found.append(Row(tuple(NUMBER.findall(numbers[0])), match["mark"], match["where"]))
    return found


def test_every_requirement_of_both_levels_is_named_once() -> None:
    counted = Counter(number for row in rows() for number in row.numbers)
    assert set(counted) == set(LEVELS_1_AND_2)
    assert {number for number, times in counted.items() if times > 1} == set()


def test_every_row_claims_what_a_test_shows_or_says_what_is_missing() -> None:
    assert {row.numbers: row.problem for row in rows() if row.problem} == {}


def test_counts_on_the_page_are_right() -> None:
    told = dict(re.findall(r"^\| (●|◐|○|–) \| .* \| (\d+) \|$", PAGE, re.MULTILINE))
    counted = Counter[str]()
    for row in rows():
        counted[row.mark] += len(row.numbers)
    assert {mark: int(number) for mark, number in told.items()} == counted


@pytest.mark.parametrize(
    "row",
    [
        Row(("1.1.1",), HELD, "the code"),
        Row(("1.1.1",), HELD, "`test_of_a_name_that_nobody_uses`"),
        Row(("1.1.1",), PARTLY, "`test_every_named_test_exists`"),
        Row(("1.1.1",), APART, ""),
        Row(("1.1.1",), "yes", "`test_every_named_test_exists`"),
    ],
)
def test_row_that_claims_too_much_is_detected(row: Row) -> None:
    assert row.problem
