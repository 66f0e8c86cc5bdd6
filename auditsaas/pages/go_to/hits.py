"""Sections of links that Go to shows, and how words are found in their titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditsaas.events.folding import fold

INSIDE: Final = 2
"""The rank of words that begin no word of a text."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One link, as its title, what stands beside it, and where it leads."""

    title: str
    url: str
    icon: str
    beside: str = ""
    where: str = ""

    def marked(self, words: str) -> tuple[str, str, str]:
        """Split the title before, at and after the words; they are empty where it has them not."""
        lowered = self.title.lower()
        start = lowered.find(words.lower()) if len(lowered) == len(self.title) else -1
        if start < 0 or not words:
            return self.title, "", ""
        end = start + len(words)
        return self.title[:start], self.title[start:end], self.title[end:]


@dataclass(frozen=True)
class Section:
    title: str
    hits: Sequence[Hit]
    note: str = ""
    """What is not among them, and why."""


def rank(words: str, *texts: str) -> int | None:
    """Tell how well one of the texts answers to the words: 0 where one begins with them, 1 where a
    word of one does, 2 where one holds them; None where none does.
    """
    typed = fold(words)
    found = [
        0 if text.startswith(typed) else 1 if f" {typed}" in text else INSIDE
        for text in map(fold, texts)
        if typed in text
    ]
    return min(found, default=None)


def first(title: str, hits: Sequence[Hit], most: int) -> list[Section]:
    """Make a section of the first hits, which says so where there are more; none of no hits."""
    note = f"The first {most}" if len(hits) > most else ""
    return [Section(title, hits[:most], note)] if hits else []
