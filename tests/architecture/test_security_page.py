"""The pages on security and on the product's own activities agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditsaas.accounts import attempts
from auditsaas.own_activities import ACTIVITIES

ROOT = Path(__file__).resolve().parents[2]
TESTS = [(path.name, path.read_text()) for path in (ROOT / "tests").rglob("test_*.py")]


def named(word: str) -> bool:
    """Tell whether there is such a test, file of tests, module or page."""
    if any(word == name or f"def {word}(" in source for name, source in TESTS):
        return True
    return any((ROOT / folder / word).is_file() for folder in ("", "auditsaas"))


@pytest.mark.parametrize("page", ["docs/security.md", "docs/asvs.md"])
def test_every_named_test_exists(page: str) -> None:
    words = re.findall(
        r"`((?:test_\w+(?:\.py)?)|[\w./-]+/[\w-]+\.(?:py|md))`", (ROOT / page).read_text()
    )
    assert len(words) > 30
    assert [word for word in words if not named(word)] == []


def claims() -> list[str]:
    """Read the rows of the tables of defences, and the promises, each a line."""
    text = (ROOT / "docs/security.md").read_text()
    tables = [
        part
        for heading in ("| who | wants |", "| what | tries |")
        for part in text.partition(heading)[2].partition("\n\n")[0].splitlines()[2:]
    ]
    told = text.partition("## Promises")[2].partition("## Passwords")[0]
    return [*tables, *(line for line in told.splitlines() if line.startswith("- **"))]


def unproven(lines: list[str]) -> list[str]:
    """Select the claims that name no test, but what they say is not shown."""
    return [
        line
        for line in lines
        if "`test_" not in line and "/test_" not in line and "What it does not show" not in line
    ]


def test_every_claim_names_a_test() -> None:
    assert len(claims()) > 35
    assert unproven(claims()) == []


def test_claim_without_a_test_is_detected() -> None:
    assert unproven(["| a visitor | all | walls |", "- **It holds.** Always."]) != []


def test_every_limit_of_attempts_is_on_the_page() -> None:
    limits = [one for one in vars(attempts).values() if isinstance(one, attempts.Limit)]
    rows = [line for line in claims() if re.search(r"\| [\d; ]+ \|", line)]
    told = [int(n) for line in rows for n in line.split("|")[2].split(";")]
    assert len(limits) > 10
    assert sorted(told) == sorted(limit.most for limit in limits)


def test_every_own_activity_is_on_the_activities_page() -> None:
    page = (ROOT / "docs/activities.md").read_text()
    rows = [
        f"| `{activity.value}` | {kind.description} | {', '.join(sorted(kind.statuses)[::-1])} |"
        for activity, kind in sorted(ACTIVITIES.items())
    ]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows


def test_renamed_test_is_detected() -> None:
    assert not named("test_of_a_name_that_nobody_uses")
