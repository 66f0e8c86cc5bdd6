"""Decision records: numbered without a gap, of one form, and named where decisions are listed."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tests.support.workers import ROOT

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
STATUS = re.compile(r"- Status: (proposed|accepted|superseded by \[\d{4}\]\(.+\))\n")


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_a_date_a_status_context_decision_and_consequences(record: Path) -> None:
    text = record.read_text()
    [number, day] = re.findall(r"^# (\d{4}): .+\n\n- Date: (.+)$", text, re.MULTILINE)[0]
    assert number == record.name[:4]
    assert date.fromisoformat(day) >= date(2026, 11, 25)
    assert STATUS.search(text)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[:3] == ["Context", "Decision", "Consequences"]
    assert headings[3:] in ([], ["Since then"])


def test_the_numbers_of_records_have_no_gap() -> None:
    numbers = [int(path.name[:4]) for path in RECORDS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", ["docs/decisions/index.md", "docs/architecture.md"])
def test_a_page_that_lists_decisions_lists_them_in_order(page: str) -> None:
    linked = re.findall(r"\((?:decisions/)?(\d{4}-[\w-]+\.md)\)", (ROOT / page).read_text())
    assert linked == [path.name for path in RECORDS]
