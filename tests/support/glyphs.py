"""Glyphs that a PDF's pages draw, looked up in the fonts inside it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pikepdf
from fontTools.pens.boundsPen import BoundsPen  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

Glyph = tuple[str, int]
"""The name of a font in its PDF, and the number of a glyph in it."""


@dataclass(frozen=True)
class Start:
    """A text's start, in CSS pixels from the left and the upper edge, and its font."""

    left: float
    top: float
    font: str
    size: float


@dataclass(frozen=True)
class Drawn:
    boxes: list[Glyph]
    """Those that show nothing of the character they stand for."""
    letters: int
    pictures: int
    """Glyphs that are images, as emoji are."""


def drawn(content: bytes) -> Drawn:
    with pikepdf.open(io.BytesIO(content)) as document:
        boxes: list[Glyph] = []
        letters = pictures = 0
        layers = [layer for page in document.pages for layer, _ in _layers(page)]
        known: dict[Any, _Font] = {}
        for page in layers:
            fonts = {name: _font(known, font) for name, font in _fonts(page)}
            pictures += sum(not _is_form(shown) for shown, _ in _placed(page))
            for name, number in _shown(page):
                letters += fonts[name].draws(number)
                if not fonts[name].draws(number) and not fonts[name].is_blank(number):
                    boxes.append((str(fonts[name].title), number))
        return Drawn(boxes, letters, pictures)


def starts(content: bytes) -> list[list[Start]]:
    """The texts of each page."""
    with pikepdf.open(io.BytesIO(content)) as document:
        return [
            [start for layer, down in _layers(page) for start in _starts(layer, down)]
            for page in document.pages
        ]


def _layers(page: Any, down: float = 0.0) -> Iterator[tuple[Any, float]]:
    """A page and the forms that it draws, with how far down each is moved, in CSS pixels."""
    yield page, down
    for shown, further in _placed(page):
        if _is_form(shown):
            yield from _layers(shown, down + further)


def _placed(page: Any) -> Iterator[tuple[Any, float]]:
    """The pictures and forms that a page draws, with how far down each is moved."""
    down, kept = 0.0, [0.0]
    for operands, operator in _instructions(page):
        match str(operator):
            case "q":
                kept.append(down)
            case "Q":
                down = kept.pop()
            case "cm":
                down -= float(operands[5]) / 0.75
            case "Do":
                yield page.Resources.XObject[operands[0]], down


def _is_form(shown: Any) -> bool:
    return bool(shown.Subtype == "/Form")


def _fonts(page: Any) -> list[tuple[str, Any]]:
    return list(page.Resources.get("/Font", pikepdf.Dictionary()).items())


def _font(known: dict[Any, _Font], font: Any) -> _Font:
    if font.objgen not in known or not any(font.objgen):
        known[font.objgen] = _Font(font)
    return known[font.objgen]


def _instructions(page: Any) -> Iterator[Any]:
    """The operands and the operator of each instruction of a page or a form."""
    yield from pikepdf.parse_content_stream(page)


def _starts(page: Any, down: float) -> Iterator[Start]:
    titles = {name: str(font.BaseFont) for name, font in _fonts(page)}
    place, font, size = (0.0, 0.0), "", 0.0
    for operands, operator in _instructions(page):
        if str(operator) == "Tm":
            place = (float(operands[4]), float(operands[5]))
        elif str(operator) == "Tf":
            font, size = titles[str(operands[0])], float(operands[1])
        elif str(operator) in ("Tj", "TJ"):
            yield Start(place[0], place[1] + down, font, size)


class _Font:
    def __init__(self, font: Any) -> None:
        inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
        self.title = font.get("/BaseFont", font.get("/Name"))
        self._texts = _texts(font.ToUnicode.read_bytes()) if "/ToUnicode" in font else {}
        self._program = _program(inner.FontDescriptor) if "/FontDescriptor" in inner else None
        self._found: dict[int, bool] = {}

    def draws(self, number: int) -> bool:
        if number not in self._found:
            self._found[number] = self._has_outline(number)
        return self._found[number]

    def is_blank(self, number: int) -> bool:
        """A space, or part of a letter that another glyph shows; or a picture lies over it."""
        text = self._texts.get(number, "")
        return bool(number) and ("Emoji" in str(self.title) or not text.strip())

    def _has_outline(self, number: int) -> bool:
        font = self._program
        if font is None or not 0 < number < font["maxp"].numGlyphs:
            return False
        glyphs = font.getGlyphSet()
        pen = BoundsPen(glyphs)
        glyphs[font.getGlyphName(number)].draw(pen)
        return pen.bounds is not None


def _program(descriptor: Any) -> Any:
    for key in ("/FontFile2", "/FontFile3", "/FontFile"):
        if key in descriptor:
            return TTFont(io.BytesIO(descriptor[key].read_bytes()))
    return None


def _texts(cmap: bytes) -> dict[int, str]:
    """Of a ToUnicode map, the text of each glyph."""
    pairs = re.findall(rb"<([0-9a-fA-F]{2,4})> <([0-9a-fA-F]*)>\s", cmap)
    return {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}


def _shown(page: Any) -> Iterator[tuple[str, int]]:
    font = ""
    for operands, operator in _instructions(page):
        if str(operator) == "Tf":
            font = str(operands[0])
        elif str(operator) in ("Tj", "TJ"):
            for part in operands[0] if str(operator) == "TJ" else operands:
                if isinstance(part, pikepdf.String):
                    codes = bytes(part)
                    yield from (
                        (font, int.from_bytes(codes[at : at + 2])) for at in range(0, len(codes), 2)
                    )
