"""Characters that can be drawn: those of the packaged font, and of the fonts of this machine.

Pango draws a character with the first of fontconfig's fonts that has it, and a box where none has.
So fontconfig is asked, once a process, for the characters of all its fonts together.
"""

from __future__ import annotations

import ctypes
import unicodedata
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_uint32, c_void_p
from functools import cache
from typing import Any, Final

from auditsaas.exports.writers.pdf.layout import packaged_characters
from auditsaas.formatting.visible_text import code_point

FORMATS: Final = (b"TrueType", b"CFF")
"""Formats of fonts that Pango draws with (since 1.44)."""
SCRIPTS: Final = {
    "Greek": "Ω",
    "Cyrillic": "Ж",
    "Armenian": "Ա",
    "Georgian": "ა",
    "Hebrew": "א",
    "Arabic": "ع",
    "Ethiopic": "አ",
    "Devanagari": "अ",
    "Bengali": "অ",
    "Gurmukhi": "ਅ",
    "Gujarati": "અ",
    "Tamil": "அ",
    "Telugu": "అ",
    "Kannada": "ಅ",
    "Malayalam": "അ",
    "Sinhala": "අ",
    "Thai": "ก",
    "Lao": "ກ",
    "Khmer": "ក",
    "Burmese": "က",
    "Tibetan": "ཀ",
    "Chinese": "漢",
    "Japanese": "あ",
    "Korean": "한",
    "symbols": "→",
    "emoji": "😀",
}
"""A letter of each script that a report has to draw."""
VARIATION_SELECTORS: Final = range(0xFE00, 0xFE10)
JOINER: Final = "\u200d"
SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
HALF_FLAGS: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def undrawn_scripts() -> list[str]:
    """List the scripts that this machine has no font for. Raise OSError without fontconfig."""
    return [name for name, letter in SCRIPTS.items() if not is_drawn(letter)]


def drawn(text: str) -> tuple[str, ...]:
    """Split a text into clusters; write a character that no font has as its code point.

    A cluster is what a reader takes for one letter.
    """
    if all(map(is_drawn, text)):
        return tuple(_clusters(text))
    composed = unicodedata.normalize("NFC", text)
    parts: list[str] = []
    for cluster in _clusters(composed):
        if all(map(is_drawn, cluster)):
            parts.append(cluster)
        else:
            parts += [part if is_drawn(part) else code_point(part) for part in cluster]
    return tuple(parts)


def is_code_point(cluster: str) -> bool:
    """Tell whether `drawn` wrote a cluster as a code point; a text of its characters is several."""
    return len(cluster) > 1 and cluster[0] == "‹"


@cache
def is_drawn(character: str) -> bool:
    """Tell whether a font has it, or none needs to: a blank, a joiner, a selector of variants."""
    return (
        character in packaged_characters()
        or character.isspace()
        or character == JOINER
        or ord(character) in VARIATION_SELECTORS
        or bool(_fontconfig().FcCharSetHasChar(_all_characters(), ord(character)))
    )


def _clusters(text: str) -> Iterator[str]:
    start = 0
    for at in range(1, len(text)):
        if not _joins(text, at):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _joins(text: str, at: int) -> bool:
    """Tell whether the character continues the cluster before it, mostly as in UAX 29."""
    character = text[at]
    if JOINER in (text[at - 1], character) or ord(character) in SKIN_TONES:
        return True
    if character in HALF_FLAGS:
        return (at - len(text[:at].rstrip(HALF_FLAGS))) % 2 == 1
    return unicodedata.category(character)[0] == "M"


# Fontconfig


class _FontSet(ctypes.Structure):
    _fields_ = (("count", c_int), ("room", c_int), ("fonts", POINTER(c_void_p)))


@cache
def _all_characters() -> c_void_p:
    """Join the fonts' character sets; the union lives as long as the process."""
    library = _fontconfig()
    config = library.FcInitLoadConfigAndFonts()
    found = c_void_p(library.FcCharSetCreate())
    for which in (0, 1):  # FcSetSystem, FcSetApplication
        fonts = library.FcConfigGetFonts(config, which)
        if fonts:
            for font in fonts.contents.fonts[: fonts.contents.count]:
                _add_characters(library, font, found)
    library.FcConfigDestroy(config)
    return found


def _add_characters(library: Any, font: int, found: c_void_p) -> None:
    format_, characters = c_char_p(), c_void_p()
    unknown = library.FcPatternGetString(font, b"fontformat", 0, byref(format_))
    if unknown or format_.value not in FORMATS:
        return
    if not library.FcPatternGetCharSet(font, b"charset", 0, byref(characters)):
        library.FcCharSetMerge(found, characters, None)


@cache
def _fontconfig() -> Any:
    library = ctypes.CDLL("libfontconfig.so.1")
    for name, answer, *arguments in (
        ("FcInitLoadConfigAndFonts", c_void_p),
        ("FcConfigDestroy", None, c_void_p),
        ("FcConfigGetFonts", POINTER(_FontSet), c_void_p, c_int),
        ("FcPatternGetString", c_int, c_void_p, c_char_p, c_int, POINTER(c_char_p)),
        ("FcPatternGetCharSet", c_int, c_void_p, c_char_p, c_int, POINTER(c_void_p)),
        ("FcCharSetCreate", c_void_p),
        ("FcCharSetMerge", c_int, c_void_p, c_void_p, c_void_p),
        ("FcCharSetHasChar", c_int, c_void_p, c_uint32),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = answer, arguments
    return library
