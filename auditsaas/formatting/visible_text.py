"""Text that others wrote, made safe to look at: what would be invisible, or would reorder the
line, is shown by its code point. Only for display; copies and files hold the text as it came."""

from __future__ import annotations

import re
import unicodedata

# Unicode TR 36 (bidirectional and invisible characters) and TR 55; controls and separators with
# them. The joiner is kept inside emoji sequences, where it is not a way to hide.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_JOINER = "\u200d"


def visible(text: str) -> str:
    """Write every hidden character of ``text`` as `‹U+202E›`."""
    if (text.isascii() and text.isprintable()) or _HIDDEN.search(text) is None:
        return text
    return _HIDDEN.sub(lambda match: _shown(match, text), text)


def code_point(character: str) -> str:
    """Write a character's code point as `‹U+202E›`."""
    return f"‹U+{ord(character):04X}›"


def _shown(match: re.Match[str], text: str) -> str:
    character = match.group()
    if character == _JOINER and _joins_emoji(text, match.start()):
        return character
    return code_point(character)


def _joins_emoji(text: str, at: int) -> bool:
    before, after = (
        text[:at].rstrip("\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"),
        text[at + 1 : at + 2],
    )
    return all(c and unicodedata.category(c) == "So" for c in (before[-1:], after))
