"""A time is never shown without what leads it back to its instant."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BARE = re.compile(r"\|\s*(time|minute)\([^)]*\)")
"""A time of day by itself; `stamp` and `row_time` bring their letters along."""
WITH_LETTERS = re.compile(r"\|\s*(zone|row_zone|zone_name)\(")


def test_a_bare_time_in_a_template_has_its_letters_beside_it() -> None:
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        for found in BARE.finditer(text):
            beside = text[max(0, found.start() - 250) : found.end() + 150]
            assert WITH_LETTERS.search(beside), f"{path.name}: {found.group()}"


def test_no_heading_has_the_letters_of_today() -> None:
    headings = [
        (path.name, heading)
        for path in (ROOT / "templates").rglob("*.html")
        for heading in re.findall(r"<th\b.*?</th>", path.read_text(), re.DOTALL)
    ]
    assert len(headings) > 50
    assert [name for name, heading in headings if WITH_LETTERS.search(heading)] == []


def test_only_formatting_writes_times() -> None:
    """Elsewhere a clock is written only by `formatting`, or as ISO 8601."""
    clock = re.compile(r"%H|%I:|times\.(time|minute)\(")
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "auditsaas").rglob("*.py")
        if clock.search(path.read_text())
        and not path.is_relative_to(ROOT / "auditsaas/formatting")
        and not re.search("importers|demo", str(path))
    }
    assert found == {
        "auditsaas/commands/welcome.py",  # in UTC, and says so
        "auditsaas/evidence/anchors/object_lock.py",  # as ISO 8601, for a store
        "auditsaas/evidence/tree/history.py",  # in UTC, and says so
        "auditsaas/evidence/witnesses/asking.py",  # reads an HTTP header
        "auditsaas/evidence/witnesses/outside.py",  # in UTC, and says so
        "auditsaas/logs.py",  # in UTC, as ISO 8601
        "auditsaas/pages/audit_log/histogram_chart.py",  # letters where the bars' differ
        "auditsaas/pages/schedules/forms.py",  # a time of day, beside its zone
        "auditsaas/pages/schedules/presenter.py",  # with the letters, or a time of day
    }
