"""Tells which exports are so small that their file is the answer to who asks for it."""

from __future__ import annotations

from typing import Final

from auditsaas.events.reading.totals import Count
from auditsaas.exports.formats import Format

ROWS: Final = 10_000
"""The most rows of a file that is built while its requester waits."""


def is_at_once(chosen: Format, count: Count, *, proof: bool = False) -> bool:
    """Tell whether a file of so many rows is built at once; one with proof waits for a seal."""
    return chosen.at_once and not proof and count.exact and count.total <= ROWS
