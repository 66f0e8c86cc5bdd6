"""Shapes plain texts of the packaged font into the operands of a PDF, and embeds what they drew.

HarfBuzz places the glyphs as Pango has it do for the pages that WeasyPrint lays out, so that both
look the same.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

import uharfbuzz as hb  # type: ignore[import-untyped]
from fontTools import subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from fontTools.varLib.instancer import instantiateVariableFont  # type: ignore[import-untyped]
from pikepdf import Array, Dictionary, Name, Object, Pdf, String

from auditsaas.exports.writers.pdf.layout import FONT

TEXTS_KEPT: Final = 32_768
_BY_WORDS: Final = re.compile(r"[^\W_]+(?:[ ./,:@_]|[^\W_])*")
_WORDS: Final = re.compile("( )")
THOUSANDTHS: Final = 1000
"""Units of a PDF's glyph space in the size of a font."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A text as what stands in the array of ``TJ``, and its width in sizes of the font."""

    operand: bytes
    width: float


class Face:
    """The packaged font in one weight; it remembers which glyphs it drew, and of which letters."""

    def __init__(self, weight: int) -> None:
        self._weight = weight
        self._font = hb.Font(hb.Face(_packaged()))
        self._font.set_variations({"wght": weight})
        self._units = self._font.face.upem
        self._letters: dict[int, str] = {0: ""}
        self._word = lru_cache(TEXTS_KEPT)(self._shape)
        self.shaped = lru_cache(TEXTS_KEPT)(self._shaped)

    def _shaped(self, text: str, tabular: bool = False) -> Shaped:
        """Shape a text of the font's characters; ``tabular`` has digits of one width.

        Words are shaped one by one where none leans on its neighbours, for they come again.
        """
        if " " not in text or not _BY_WORDS.fullmatch(text):
            return self._word(text, tabular)
        parts = [self._word(part, tabular) for part in _WORDS.split(text)]
        return Shaped(b" ".join(part.operand for part in parts), sum(part.width for part in parts))

    def _shape(self, text: str, tabular: bool) -> Shaped:
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        hb.shape(self._font, buffer, {"tnum": tabular})
        infos, positions = buffer.glyph_infos or [], buffer.glyph_positions or []
        self._note_letters(text, infos)
        parts, run, total = [], "", 0
        for info, position in zip(infos, positions, strict=True):
            run += f"{info.codepoint:04x}"
            total += position.x_advance
            back = self._font.get_glyph_h_advance(info.codepoint) - position.x_advance
            if back:
                parts.append(f"<{run}> {back * THOUSANDTHS / self._units:.0f}")
                run = ""
        if run:
            parts.append(f"<{run}>")
        return Shaped(" ".join(parts).encode(), total / self._units)

    def _note_letters(self, text: str, infos: Any) -> None:
        """Note which letters each glyph stands for, so that they can be found and copied."""
        ends = [*(info.cluster for info in infos[1:]), len(text)]
        for info, end in zip(infos, ends, strict=True):
            self._letters.setdefault(info.codepoint, text[info.cluster : end])

    def embedded(self, pdf: Pdf) -> Object:
        """Embed the glyphs that were drawn; return the font for the resources of pages."""
        data, widths = _reduced(self._weight, frozenset(self._letters))
        name = Name(f"/AUDLOG+Inter-{self._weight}")
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=name,
            Flags=4,
            FontBBox=[-1000, -300, 2000, 1200],
            ItalicAngle=0,
            Ascent=969,
            Descent=-241,
            CapHeight=727,
            StemV=80,
            FontFile2=pdf.make_stream(data, Length1=len(data)),
        )
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=name,
            CIDSystemInfo=Dictionary(
                Registry=String("Adobe"), Ordering=String("Identity"), Supplement=0
            ),
            FontDescriptor=pdf.make_indirect(descriptor),
            W=Array([part for glyph, width in widths.items() for part in (glyph, Array([width]))]),
            CIDToGIDMap=Name.Identity,
        )
        return pdf.make_indirect(
            Dictionary(
                Type=Name.Font,
                Subtype=Name.Type0,
                BaseFont=name,
                Encoding=Name("/Identity-H"),
                DescendantFonts=Array([pdf.make_indirect(descendant)]),
                ToUnicode=pdf.make_stream(_to_unicode(self._letters)),
            )
        )


@cache
def _packaged() -> bytes:
    """Return the packaged font unpacked, as HarfBuzz reads it."""
    font = TTFont(FONT)
    font.flavor = None
    return _saved(font)


def _reduced(weight: int, glyphs: frozenset[int]) -> tuple[bytes, dict[int, float]]:
    """Return the font with these glyphs alone, in their places, and the widths of them."""
    font = TTFont(io.BytesIO(_packaged()))
    options = subset.Options(retain_gids=True, layout_features=[], notdef_outline=True)
    options.drop_tables += ["GSUB", "GPOS", "GDEF"]
    reducer = subset.Subsetter(options)
    reducer.populate(gids=sorted(glyphs))
    reducer.subset(font)
    font = instantiateVariableFont(font, {"wght": weight})
    names, scale = font.getGlyphOrder(), THOUSANDTHS / font["head"].unitsPerEm
    widths = {glyph: round(font["hmtx"][names[glyph]][0] * scale, 3) for glyph in sorted(glyphs)}
    return _saved(font), widths


def _saved(font: Any) -> bytes:
    content = io.BytesIO()
    font.save(content)
    return content.getvalue()


def _to_unicode(letters: Mapping[int, str]) -> bytes:
    """Write the map from glyphs to text (ISO 32000, 9.10.3), at most 100 of them a block."""
    lines = [
        f"<{glyph:04x}> <{text.encode('utf-16-be').hex()}>"
        for glyph, text in sorted(letters.items())
        if text
    ]
    blocks = [lines[at : at + 100] for at in range(0, len(lines), 100)]
    mapped = "\n".join(
        f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks
    )
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <ffff> endcodespacerange\n{mapped}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end\n"
    ).encode()
