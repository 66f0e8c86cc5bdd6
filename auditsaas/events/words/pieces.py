"""Parts folded text into pieces: runs of letters and digits, of which all substrings consist.

What is typed is found in a text only where each of its pieces is found in one of the text's: its
inner pieces are whole ones there, the first ends and the last begins one. So the pieces of a block
tell, with no false negative, in which blocks a text may be. Everything beyond ASCII counts as a
letter: so no version of Unicode has a say in where a piece ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import Final

from auditsaas.events.folding import LINE

_PIECE: Final = re.compile("[0-9A-Za-z\x80-\U0010ffff]+")
_LETTERS: Final = frozenset((ascii_letters + digits).encode())
_PARTED: Final = bytes(byte if byte > 127 or byte in _LETTERS else 32 for byte in range(256))
"""What becomes of each byte of UTF-8, so that spaces are between pieces."""

pieces: Final = _PIECE.findall
"""Return the pieces of a folded text, in their order."""


@dataclass(frozen=True)
class Piece:
    """A piece of what was typed, and whether the text's piece begins and ends where it does."""

    text: str
    begins: bool
    ends: bool

    @property
    def between_lines(self) -> str:
        """The piece as it stands in the words of a block that holds it."""
        return f"{LINE * self.begins}{self.text}{LINE * self.ends}"


def typed(folded: str) -> list[Piece]:
    """Return the pieces of a folded text that is looked for, in their order."""
    return [
        Piece(found[0], found.start() > 0, found.end() < len(folded))
        for found in _PIECE.finditer(folded)
    ]


def different(folded: str) -> set[bytes]:
    """Collect the different pieces of a folded text in UTF-8; equal lines are parted once."""
    lines = set(folded.encode().split(b"\n"))
    return set(b"\n".join(lines).translate(_PARTED).split())


def written(words: Iterable[bytes]) -> str:
    """Write different pieces as the words of a block."""
    return LINE.encode().join([b"", *sorted(words), b""]).decode()


def unwritten(words: str) -> set[bytes]:
    """Collect the pieces of a block's words."""
    return set(words.encode().split())
