"""The pages on security and on the product's own activities agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditsaas.own_activities import ACTIVITIES

ROOT = Path(__file__).resolve().parents[2]
TESTS = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}


def named(word: str) -> bool:
    """Tell whether there is such a test, file of tests, module or page."""
    if word in TESTS or any(f"def {word}(" in source for source in TESTS.values()):
        return True
    return any((ROOT / folder / word).is_file() for folder in ("", "auditsaas"))


@pytest.mark.parametrize("page", ["docs/security.md"])
def test_every_named_test_exists(page: str) -> None:
    words = re.findall(
        r"`((?:test_\w+(?:\.py)?)|[\w./-]+/[\w-]+\.(?:py|md))`", (ROOT / page).read_text()
    )
    assert len(words) > 30
    assert [word for word in words if not named(word)] == []


def test_every_own_activity_is_on_the_activities_page() -> None:
    page = (ROOT / "docs/activities.md").read_text()
    rows = [
        f"| `{activity.value}` | {kind.description} | {', '.join(sorted(kind.statuses)[::-1])} |"
        for activity, kind in sorted(ACTIVITIES.items())
    ]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows


def test_renamed_test_is_detected() -> None:
    assert not named("test_of_a_name_that_nobody_uses")
