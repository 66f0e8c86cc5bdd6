"""Blocks of the documentation, for tests that do what stands there."""

from __future__ import annotations

import re

from tests.support.workers import ROOT


def blocks(page: str, title: str, kind: str = "sh") -> list[str]:
    """Return the blocks of a section of a page in ``docs``."""
    text = (ROOT / "docs" / page).read_text()
    _, found, rest = text.partition(f"# {title}\n")
    assert found, f"{page} has no section {title}"
    section = re.split(r"^##+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{kind}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
