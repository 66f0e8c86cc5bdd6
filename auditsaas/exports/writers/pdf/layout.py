"""Where the columns of the report are, and what of a text fits into one.

Every page has the same rows at the same places, so that a column is one block of lines and no
table has to be laid out. Lengths are CSS pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final
from unicodedata import combining, east_asian_width

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
ELLIPSIS: Final = "…"


@dataclass(frozen=True)
class Column:
    key: str
    name: str
    left: int
    width: int
    weight: int = 400


def columns(several: bool, zone_label: str) -> tuple[Column, ...]:
    """The columns from left to right; the workspace's only where there is more than one."""
    wanted = [
        ("created", f"Created at ({zone_label})", 122),
        ("activity", "Activity", 130),
        ("target", "", 72 if several else 96),
        ("method", "Method", 56),
        ("status", "Status", 80),
        ("response", "Response", 70),
        ("user", "User", 190 if several else 244),
        ("agent", "User agent", 112 if several else 137),
        ("ip", "IP address", 96 if several else 100),
    ]
    if several:
        wanted.append(("workspace", "Workspace", WIDTH - sum(width for _, _, width in wanted)))
    placed, left = [], 0
    for key, name, width in wanted:
        bold = key == "activity"
        placed.append(Column(key, name, left, width - GAP, BOLD if bold else 400))
        left += width
    return tuple(placed)


@lru_cache(maxsize=16_384)
def fitted(text: str, width: int, weight: int = 400) -> str:
    """The text itself, or its beginning and an ellipsis."""
    widths = _widths(weight)
    if sum(_width(character, widths) for character in text) <= width:
        return text
    room = width - _width(ELLIPSIS, widths)
    for at, character in enumerate(text):
        room -= _width(character, widths)
        if room < 0:
            return text[:at].rstrip() + ELLIPSIS
    return text


def _width(character: str, widths: Mapping[str, float]) -> float:
    known = widths.get(character)
    if known is not None:
        return known
    if combining(character):
        return 0
    # Another font will draw it; the column clips what is still wider than this.
    return FONT_SIZE * (1.1 if east_asian_width(character) in "WF" else 0.75)


@cache
def _widths(weight: int) -> dict[str, float]:
    """The advance of every character that Inter has."""
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
