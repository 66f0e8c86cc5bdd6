"""Texts made ready for their columns: what no font has is told by its code point, what does not fit
ends in an ellipsis."""

# mypy: allow-untyped-calls
# (WeasyPrint ships no types)

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup, escape
from weasyprint.text.ffi import FROM_UNITS, TO_UNITS, ffi, gobject, pango
from weasyprint.text.fonts import FontConfiguration

from auditsaas.exports.writers.pdf import coverage
from auditsaas.exports.writers.pdf.layout import ELLIPSIS, FONT_SIZE, fitted, packaged_characters

LINES_KEPT: Final = 16_384


@dataclass(frozen=True, slots=True)
class Line:
    html: Markup
    code_points: tuple[str, ...] = ()
    """The characters in it that no font has, as they are printed."""
    plain: str | None = None
    """The text, where the packaged font has all of its characters and needs no other."""


class Typesetter:
    """Fits texts into columns, in the fonts of one report."""

    def __init__(self, fonts: FontConfiguration) -> None:
        self._fonts = fonts
        self._layouts: dict[int, Any] = {}
        self.line = lru_cache(LINES_KEPT)(self._line)

    def _line(self, text: str, width: float, weight: int = 400) -> Line:
        if packaged_characters().issuperset(text):
            shown = fitted(text, width, weight)
            return Line(escape(shown), plain=shown)
        clusters = coverage.drawn(text)
        if self._width("".join(clusters), weight) > width:
            clusters = self._beginning(clusters, width, weight)
        # Another font is taller, and would move the lines below away from their rows.
        html = Markup("<i>{}</i>").format("".join(clusters))
        return Line(html, tuple(filter(coverage.is_code_point, clusters)))

    def _beginning(self, clusters: Sequence[str], width: float, weight: int) -> tuple[str, ...]:
        def wide(count: int) -> float:
            return self._width("".join(clusters[:count]) + ELLIPSIS, weight)

        count = bisect_right(range(1, len(clusters)), width, key=wide)
        while count and clusters[count - 1].isspace():
            count -= 1
        return (*clusters[:count], ELLIPSIS)

    def _width(self, text: str, weight: int) -> float:
        """Return the text's width in CSS pixels, as Pango lays it out."""
        layout = self._layouts.get(weight)
        if layout is None:
            layout = self._layouts[weight] = _layout(self._fonts, weight)
        content, extents = text.encode(), ffi.new("PangoRectangle *")
        pango.pango_layout_set_text(layout, content, len(content))
        line = pango.pango_layout_get_line_readonly(layout, 0)
        pango.pango_layout_line_get_extents(line, ffi.NULL, extents)
        return float(extents.width * FROM_UNITS)


def whole(text: str) -> Line:
    """Return the text as it is, for where there is room for all of it."""
    clusters = coverage.drawn(text)
    return Line(escape("".join(clusters)), tuple(filter(coverage.is_code_point, clusters)))


def _layout(fonts: FontConfiguration, weight: int) -> Any:
    context = pango.pango_font_map_create_context(fonts.font_map)
    layout = ffi.gc(pango.pango_layout_new(context), gobject.g_object_unref)
    gobject.g_object_unref(context)
    font = pango.pango_font_description_new()
    pango.pango_font_description_set_family(font, b"Inter,sans-serif")
    pango.pango_font_description_set_weight(font, weight)
    pango.pango_font_description_set_absolute_size(font, FONT_SIZE * TO_UNITS)
    pango.pango_layout_set_font_description(layout, font)
    pango.pango_font_description_free(font)
    pango.pango_layout_set_single_paragraph_mode(layout, True)
    return layout
