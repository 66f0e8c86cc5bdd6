"""Draws the cells of a table's page as a content stream, where WeasyPrint's layout puts them.

Lengths are CSS pixels from the upper left corner, as in ``report.css``. What the packaged font has
is drawn a text at a time; a page's frame (head, rules, foot) and each text that needs another font
are forms that WeasyPrint made, and are drawn as often as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from auditsaas.exports.writers.pdf.layout import (
    BOLD,
    FONT_SIZE,
    LEFT,
    PAGE_POINTS,
    POINTS_A_PIXEL,
    ROW_HEIGHT,
    WIDTH,
    Column,
)
from auditsaas.exports.writers.pdf.shaping import Face, Shaped

ASCENT, DESCENT = 0.96875, 0.24121
"""Of the packaged font, in sizes of it."""
FIRST_ROW: Final = 62
"""Where the rows of a page after the cover begin."""
NUMBER_TOP, NUMBER_LINE, NUMBER_SIZE = 743, 13, 9
RESPONSE_PADDING: Final = 10

INK, SOFT, FAILED = "0.114 0.125 0.145 rg", "0.333 0.357 0.4 rg", "0.659 0.098 0.122 rg"
REGULAR_NAME, BOLD_NAME = "/R", "/B"
"""What the resources of pages call the fonts."""
TABULAR: Final = frozenset({"created", "response", "ip"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A text fitted to its column."""

    text: str
    failed: bool = False
    """Whether it says that something failed, which is bold and red."""
    form: str | None = None
    """The name of the form that draws it in the first row, where it needs another font."""


class Faces:
    """The two weights of a report."""

    def __init__(self) -> None:
        self.regular, self.bold = Face(400), Face(BOLD)


def page_content(
    columns: Sequence[Column],
    cells: Sequence[Sequence[Cell]],
    *,
    frame: str,
    words: str,
    faces: Faces,
) -> bytes:
    """Return the content of a page: a form as its frame, a block of cells a column, its number."""
    drawn = [f"{frame} Do".encode(), *_forms(cells)]
    drawn.append(f"{POINTS_A_PIXEL} 0 0 -{POINTS_A_PIXEL} 0 {PAGE_POINTS} cm BT".encode())
    for column, block in zip(columns, cells, strict=True):
        drawn += _block(column, block, faces)
    number, size = faces.bold.shaped(words), NUMBER_SIZE
    drawn.append(_style(True, size, INK))
    drawn += [_shown(LEFT + WIDTH - number.width * size, _number_baseline(), number), b"ET"]
    return b"\n".join(drawn)


def _forms(cells: Sequence[Sequence[Cell]]) -> Iterator[bytes]:
    for block in cells:
        for at, cell in enumerate(block):
            if cell.form:
                down = at * ROW_HEIGHT * POINTS_A_PIXEL
                yield f"q 1 0 0 1 0 -{down:g} cm {cell.form} Do Q".encode()


def _block(column: Column, cells: Sequence[Cell], faces: Faces) -> Iterator[bytes]:
    tabular, is_bold = column.key in TABULAR, column.weight == BOLD
    usual = _style(is_bold, FONT_SIZE, SOFT if column.key == "method" else INK)
    yield usual
    for at, cell in enumerate(cells):
        if not cell.text or cell.form:
            continue
        face = faces.bold if is_bold or cell.failed else faces.regular
        shaped = face.shaped(cell.text, tabular)
        left = float(LEFT + column.left)
        if column.key == "response":
            left += column.width - RESPONSE_PADDING - shaped.width * FONT_SIZE
        shown = _shown(left, _baseline(FIRST_ROW + at * ROW_HEIGHT, ROW_HEIGHT, FONT_SIZE), shaped)
        yield b" ".join((_style(True, FONT_SIZE, FAILED), shown, usual)) if cell.failed else shown


def _style(is_bold: bool, size: float, ink: str) -> bytes:
    return f"{BOLD_NAME if is_bold else REGULAR_NAME} {size:g} Tf {ink}".encode()


def _shown(left: float, baseline: float, shaped: Shaped) -> bytes:
    return f"1 0 0 -1 {left:.2f} {baseline:.2f} Tm [".encode() + shaped.operand + b"] TJ"


def _number_baseline() -> float:
    return _baseline(NUMBER_TOP, NUMBER_LINE, NUMBER_SIZE)


def _baseline(top: float, line_height: float, size: float) -> float:
    """Return how far down the baseline of a line is (CSS 2.2, 10.8.1)."""
    return top + (line_height - (ASCENT + DESCENT) * size) / 2 + ASCENT * size
