"""``make audit`` passes only when everything was looked up and nothing was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts import audit

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
SKIPPED = {"name": "unknown", "skip_reason": "Dependency not found"}
VULNERABLE = {
    "name": "broken",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1", "2.0"], "aliases": []}],
}


@pytest.mark.parametrize(
    ("packages", "passed"),
    [
        ([SOUND], True),
        ([], False),
        ([SKIPPED], False),
        ([SOUND, SKIPPED], False),
        ([SOUND, VULNERABLE], False),
    ],
)
def test_an_audit_passes_when_all_packages_were_looked_up_and_are_sound(
    packages: list[dict[str, Any]], passed: bool
) -> None:
    assert audit.verdict({"dependencies": packages}).passed is passed


def test_a_vulnerability_is_named_with_the_versions_that_mend_it() -> None:
    found = audit.verdict({"dependencies": [VULNERABLE]})
    assert found.vulnerable == ("broken 1.0: PYSEC-2026-1, mended in 1.1, 2.0",)


def test_a_lock_that_cannot_be_read_fails_with_the_reason(tmp_path: Path) -> None:
    found = audit.examine(tmp_path / "gone.txt", [])
    assert not found.passed
    assert "gone.txt" in found.skipped[0]


def test_every_lock_pins_packages() -> None:
    locks = sorted((audit.ROOT / "requirements").glob("*.txt"))
    assert [lock.name for lock in locks if len(audit.pinned(lock)) < 10] == []
    assert {lock.name for lock in locks} == {"base.txt", "dev.txt", "docs.txt", "otel.txt"}
