"""Lays out the report's columns, and cuts texts to fit them.

Every page has the same rows at the same places, so that a column is one block of lines and no
table has to be laid out. Lengths are CSS pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from auditsaas.formatting import zones

FONT: Final = (
    Path(__file__).resolve().parents[3]
    / "static/vendor/fontsource-variable-inter-5.3.0/inter-latin-wght-normal.woff2"
)
FONT_SIZE: Final = 10
BOLD: Final = 600
ROW_HEIGHT: Final = 23
GAP: Final = 8
LEFT: Final = 44
WIDTH: Final = 1035
PAGE_POINTS_WIDE, PAGE_POINTS = 841.8898, 595.2756
"""A page, 297 by 210 mm, in points."""
POINTS_A_PIXEL: Final = 0.75
ELLIPSIS: Final = "…"


@dataclass(frozen=True)
class Column:
    key: str
    name: str
    left: int
    width: int
    weight: int = 400


def columns(several: bool, zone: ZoneInfo) -> tuple[Column, ...]:
    """List the columns from left to right; the workspace's only where there is more than one."""
    letters = _letters_width(zone)
    wanted = [
        ("created", f"Created At ({zones.place(zone)})", 122 + letters),
        ("activity", "Activity", 130),
        ("target", "", 72 if several else 96),
        ("method", "Method", 56),
        ("status", "Status", 80),
        ("response", "Response", 70),
        ("user", "User", (190 if several else 244) - letters),
        ("agent", "User Agent", 112 if several else 137),
        ("ip", "IP Address", 96 if several else 100),
    ]
    if several:
        wanted.append(("workspace", "Workspace", WIDTH - sum(width for _, _, width in wanted)))
    placed, left = [], 0
    for key, name, width in wanted:
        bold = key == "activity"
        placed.append(Column(key, name, left, width - GAP, BOLD if bold else 400))
        left += width
    return tuple(placed)


def _letters_width(zone: ZoneInfo) -> int:
    """Return the width of the zone's letters behind the time; nothing in UTC."""
    if zones.is_utc(zone):
        return 0
    return math.ceil(max(_width(f" {letters}") for letters in zones.all_letters(zone)))


def _width(text: str, weight: int = 400) -> float:
    widths = _widths(weight)
    return sum(widths[character] for character in text)


def fitted(text: str, width: float, weight: int = 400) -> str:
    """Cut a text of the packaged font's characters to a width, ending in an ellipsis."""
    if _width(text, weight) <= width:
        return text
    widths = _widths(weight)
    room = width - widths[ELLIPSIS]
    for at, character in enumerate(text):
        room -= widths[character]
        if room < 0:
            return text[:at].rstrip() + ELLIPSIS
    return text


@cache
def packaged_characters() -> frozenset[str]:
    """Return all characters that the packaged font can draw."""
    return frozenset(_widths(400))


@cache
def _widths(weight: int) -> dict[str, float]:
    """Return the advance of every character that Inter has."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    font = TTFont(FONT)
    glyphs = font.getGlyphSet(location={"wght": weight})
    scale = FONT_SIZE / font["head"].unitsPerEm
    # A digit is as wide as the widest, for columns that line digits up.
    digit = max(glyphs[font.getBestCmap()[ord(digit)]].width for digit in "0123456789")
    return {
        chr(code): scale * (digit if chr(code).isdigit() else glyphs[name].width)
        for code, name in font.getBestCmap().items()
    }
