"""Recognises activities of families that only the product has, however they are spelled.

Activities are not reserved as such: applications rightly send ``user.login``. These families,
though, no application has reason to send, and people read them as the product's own word. Names are
compared as they look: after NFKC and case folding, without marks and characters that nothing shows,
and with each letter's look-alikes of Unicode's confusables (UTS #39, version 17.0).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

FAMILIES: Final = ("platform", "retention", "tree", "anchor", "erasure")

LOOKALIKES: Final = {
    "a": "\u0251\u03b1\u0430\u13aa\u15c5\u237a\ua4ee\U000102a0\U00016f40\U0001ccd6",
    "c": (
        "\u03c3\u0441\u1004\u105a\u13df\u1d04\u2ca5\ua4da\U000102a2\U00010302\U0001043d"
        "\U0001051c\U000118e9\U000118f2\U0001ccd8\U0001f74c"
    ),
    "e": (
        "\u03b5\u0435\u04bd\u13ac\u212e\u22ff\u2d39\ua4f0\uab32\U00010286\U000118c6\U000118ce"
        "\U0001ccda"
    ),
    "f": (
        "\u0192\u03dd\u0584\u15b4\u1e9d\ua4dd\ua799\uab35\U00010287\U000102a5\U00010525"
        "\U000118c2\U0001ccdb\U0001d213"
    ),
    "h": "\u03b7\u043d\u04bb\u0570\u13bb\u13c2\u157c\u2c8f\ua4e7\U000102cf\U0001ccdd",
    "i": (
        "1l|\u0131\u01c0\u0269\u026a\u03b9\u0456\u04cf\u0582\u05c0\u05d5\u05df\u0627\u0661"
        "\u06f1\u07ca\u13a5\u16c1\u2223\u2373\u23fd\u2502\u2c93\u2d4f\ua4f2\ua647\U0001028a"
        "\U00010309\U00010320\U000118c3\U00011dda\U00011de1\U00016eaa\U00016f28\U0001ccde"
        "\U0001ccf1\U0001e8c7"
    ),
    "l": (
        "1i|\u01c0\u0269\u03b9\u0456\u04cf\u05c0\u05d5\u05df\u0627\u0661\u06f1\u07ca\u13de"
        "\u14aa\u16c1\u2223\u23fd\u2502\u2c93\u2cd1\u2d4f\ua4e1\ua4f2\U0001028a\U00010309"
        "\U00010320\U00010443\U00010526\U000118c3\U000118d2\U00011dda\U00011de1\U00016eaa"
        "\U00016f16\U00016f28\U0001ccde\U0001cce1\U0001ccf1\U0001d22a\U0001e8c7"
    ),
    "m": (
        "\u03bc\u03fb\u043c\u13b7\u15f0\u16d6\u2c99\ua4df\U000102b0\U00010311\U00011700"
        "\U000118e3\U0001cce2"
    ),
    "n": "\u03bd\u0578\u057c\u2c9b\ua4e0\U00010513\U0001cce3",
    "o": (
        "0\u03bf\u03c3\u03ed\u043e\u0585\u05e1\u0647\u0665\u06be\u06c1\u06d5\u06f5\u07c0"
        "\u0966\u09e6\u0a66\u0ae6\u0b20\u0b66\u0be6\u0c02\u0c66\u0c82\u0ce6\u0d02\u0d20\u0d66"
        "\u0d82\u0e50\u0ed0\u101d\u1040\u10ff\u12d0\u17e0\u1d0f\u1d11\u2c9f\u2d54\u3007\ua4f3"
        "\uab3d\U00010292\U000102ab\U0001042c\U000104ea\U00010516\U000114d0\U000118c8"
        "\U000118d5\U000118d7\U000118e0\U00011de0\U0001cce4\U0001ccf0"
    ),
    "p": ("\u00fe\u01bf\u03c1\u03f8\u0440\u13e2\u146d\u2374\u2ca3\u2ccf\ua4d1\U00010295\U0001cce5"),
    "r": (
        "\u0280\u0433\u13a1\u13b1\u13d2\u1587\u1d26\u2c85\ua4e3\uab47\uab48\U000104dc"
        "\U00016f35\U0001cce7\U0001d216"
    ),
    "s": (
        "\u01bd\u0455\u057f\u0d1f\u13d5\u13da\ua4e2\ua731\U00010296\U00010448\U000118c1"
        "\U00016f3a\U0001cce8"
    ),
    "t": (
        "\u03c4\u0442\u13a2\u22a4\u27d9\u2ca7\ua4d4\U00010297\U000102b1\U00010315\U000118dc"
        "\U00016f0a\U0001cce9\U0001f768"
    ),
    "u": (
        "\u028b\u03c5\u057d\u1200\u144c\u1d1c\u222a\u22c3\ua4f4\ua79f\uab4e\uab52\U000104f6"
        "\U000118d8\U00016f42\U0001ccea"
    ),
    ".": "\u0660\u06f0\u0701\u0702\u3002\ua4f8\ua60e\U00010a50\U0001d16d",
}
"""Characters whose prototype is that of a letter, small or capital, or of the full stop, as they
are after NFKC and case folding. The ideographic full stop is a dot in domains (UTS #46)."""

# Default_Ignorable_Code_Point of Unicode, as far as NFKC leaves them, and two that are drawn blank.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def _like(letter: str) -> str:
    """Build the pattern of what looks like a letter; ``i`` and ``l`` look like each other."""
    one = f"[{letter}{re.escape(LOOKALIKES[letter])}]"
    return f"(?:{one}|{_like('r')}{_like('n')})" if letter == "m" else one


_OWN = re.compile(
    rf"\s*(?:{'|'.join(''.join(map(_like, family)) for family in FAMILIES)})\s*{_like('.')}"
)


@lru_cache(maxsize=8192)
def is_own(activity: str) -> bool:
    """Tell whether an activity is, or looks like, one of the product's own families."""
    if activity.isascii():
        shown = activity.casefold()
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", activity).casefold())
        seen = _UNSEEN.sub("", folded)
        shown = "".join(c for c in seen if unicodedata.category(c) not in ("Mn", "Me"))
    return _OWN.match(shown) is not None
