"""Headers of a mail, encoded and never parsed.

``email`` reads what it is given as a header in its written form: it decodes encoded words
(RFC 2047), and Pythons without the mending of CVE-2024-6923 then write the line breaks that were
in them. What is made here is written as it is.
"""

from __future__ import annotations

import re
from email.header import Header
from email.policy import Policy

CRLF = "\r\n"
LONGEST_WORD = 60
"""Plain words above are encoded, for they could not be folded (RFC 5322, 2.1.1)."""

_ADDRESS = re.compile(
    r"[^\s()<>\[\]:;@\\,\"\x00-\x1f\x7f]{1,64}@[^\s()<>:;@\\,\"\x00-\x1f\x7f]{1,253}"
)


class Encoded(str):
    """A header's value as it travels, which the policy neither parses nor folds again."""

    name: str
    max_count = 1

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def unstructured(name: str, text: str) -> Encoded:
    """Encode free text, such as a subject."""
    plain = _is_plain(text)
    return _encoded(name, _folded(name, text, charset="us-ascii" if plain else "utf-8"))


def mailbox(name: str, display_name: str, address: str) -> Encoded:
    """Encode one address and the name that is shown for it.

    Raises:
        ValueError: the address cannot be one.
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address[:254]!r} is not an email address")
    shown = one_line(display_name)
    if not shown:
        return _encoded(name, address)
    if _is_plain(shown):
        shown = '"' + re.sub(r'(["\\])', r"\\\1", shown) + '"'
        phrase = _folded(name, shown, charset="us-ascii")
    else:
        phrase = _folded(name, shown, charset="utf-8")
    return _encoded(name, f"{phrase}{CRLF} <{address}>")


def one_line(text: str) -> str:
    """Write a text in one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _is_plain(text: str) -> bool:
    """Tell whether no reader could take a part of the text for an encoded word."""
    return (
        text.isascii()
        and "=?" not in text
        and max(map(len, text.split()), default=0) <= LONGEST_WORD
    )


def _folded(name: str, text: str, *, charset: str) -> str:
    return Header(one_line(text), charset, header_name=name).encode(linesep=CRLF)


def _encoded(name: str, value: str) -> Encoded:
    made = Encoded(value)
    made.name = name
    return made
