"""The texts and bars of the first page."""

from __future__ import annotations

from typing import Final

from auditsaas.exports.source import About
from auditsaas.exports.writers.pdf.facts import Facts
from auditsaas.exports.writers.pdf.typesetting import Line, Typesetter, whole
from auditsaas.formatting.visible_text import visible

LONGEST_FILTER: Final = 240
LONGEST_REQUESTER: Final = 110
NAMES_WIDTH: Final = 700


def texts(about: About, typesetter: Typesetter) -> dict[str, Line]:
    """Return what people wrote, by the name that the template has for it."""
    words = about.filter or "Everything"
    if len(words) > LONGEST_FILTER:
        words = f"{words[:LONGEST_FILTER]}… (the whole filter is on the export’s page)"
    return {
        "filter": whole(visible(words)),
        "names": typesetter.line(visible(", ".join(sorted(about.names.values()))), NAMES_WIDTH),
        "requester": whole(_short(visible(about.requester), LONGEST_REQUESTER)),
        "brand": whole(visible(about.brand)),
    }


def bars(counted: Facts) -> list[tuple[float, float, float, float]]:
    """Return each bar's left, width, and heights of errors and successes, of 240 by 44 units."""
    highest = max((sum(bar) for bar in counted.bars), default=0)
    if not highest:
        return []
    step = 240 / len(counted.bars)
    return [
        (
            round(at * step, 2),
            round(step * 0.8, 2),
            round(44 * errors / highest, 2),
            round(44 * successes / highest, 2),
        )
        for at, (successes, errors) in enumerate(counted.bars)
    ]


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
