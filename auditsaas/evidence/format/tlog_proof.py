"""Writes and reads the proof of one event, in a text of its own (C2SP tlog-proof@v1).

Beside the path to the root and the signed note it carries, as ``extra``, what the event's leaf is
made again with: its seed, or the salts and the hashes that an erasure left of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditsaas.evidence.format.leaf import HASH_BYTES
from auditsaas.evidence.format.notes import NoteRefused, base64, split, unbase64

HEADER: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
MAX_PATH: Final = 63
"""Hashes of the longest path, in a tree of 2^63 leaves."""

_INDEX: Final = re.compile("index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class TlogProof:
    """The proof that a leaf is in the tree of a signed note."""

    index: int
    path: tuple[bytes, ...]
    """The hashes beside the way from the leaf to the root."""
    note: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        extra = [f"extra {base64(_json(self.extra))}"] if self.extra else []
        lines = [HEADER, *extra, f"index {self.index}", *map(base64, self.path)]
        return "\n".join((*lines, "", self.note))

    @classmethod
    def parse(cls, text: str) -> TlogProof:
        """Read the text of a proof; whether it proves anything is still to be checked.

        Raises:
            NoteRefused: it is none.
        """
        head, found, note = text.partition("\n\n")
        header, *lines = head.split("\n")
        if header != HEADER or not found:
            raise NoteRefused("this is no proof of a log")
        split(note)
        extra: Any = {}
        if lines and lines[0].startswith("extra "):
            extra = _read_extra(lines.pop(0).removeprefix("extra "))
        index = _INDEX.fullmatch(lines.pop(0)) if lines else None
        path = tuple(map(unbase64, lines))
        wrong = len(path) > MAX_PATH or any(len(one) != HASH_BYTES for one in path)
        if index is None or wrong:
            raise NoteRefused("this is no proof of a log")
        return cls(int(index[1]), path, note, extra)


def _json(extra: Mapping[str, Any]) -> bytes:
    return json.dumps(extra, separators=(",", ":")).encode()


def _read_extra(coded: str) -> Any:
    try:
        return json.loads(unbase64(coded))
    except (ValueError, RecursionError):
        raise NoteRefused("the extra data of this proof is no JSON") from None
