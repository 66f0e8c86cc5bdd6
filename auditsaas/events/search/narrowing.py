"""Narrows a search to the blocks of the dictionary that may hold what it asks for.

A block that lacks a piece of what was typed holds no event that matches. One that has them all may
hold one, or hold them in different events: its events are looked at with the search's own
conditions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ARRAY, ColumnElement, Text, and_, case, column, func, literal, or_, select
from sqlalchemy.orm import Session

from auditsaas.events import folding
from auditsaas.events.search.terms import META, Term
from auditsaas.events.words import signatures
from auditsaas.events.words.models import event_words
from auditsaas.events.words.pieces import Piece, typed

MOST_WAYS: Final = 64
"""The most ways to meet one term that are asked of a block; a term with more narrows nothing."""
MOST_BITS: Final = 256
"""The most bits of a signature that are asked for all ways of a term."""

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Held:
    """A text that a matching event holds; ``begins`` and ``ends`` where nothing is beside it."""

    text: str
    begins: bool = False
    ends: bool = False


Way = tuple[Held, ...]
"""Texts that an event holds, all of them, where it meets a term in one way."""


@dataclass(frozen=True)
class Narrowing:
    """The conditions of blocks: ``signed`` reads only signatures, ``written`` the words.

    ``signed`` is None where nothing is long enough to be told by a signature.
    """

    signed: Condition | None
    written: Condition

    @property
    def holds(self) -> Condition:
        """Both, in an order that PostgreSQL would not keep: the words of few blocks are read."""
        if self.signed is None:
            return self.written
        return case((self.signed, self.written), else_=False)


def ways(terms: Iterable[Term]) -> list[list[Way]]:
    """Return how each term that the dictionary can narrow may be met; none where it cannot help."""
    found = (list(_ways(term)) for term in terms if not term.negated)
    return [of_term for of_term in found if 0 < len(of_term) <= MOST_WAYS]


def narrow(session: Session, asked: Sequence[Sequence[Way]]) -> Narrowing | None:
    """Build the conditions of blocks; None where no piece is asked for, only signs."""
    folded = _folded(session, {held.text for of_term in asked for way in of_term for held in way})
    signed: list[Condition] = []
    written: list[Condition] = []
    for of_term in asked:
        needed = {_pieces(way, folded) for way in of_term}
        if frozenset() in needed:
            continue
        hashed = [signatures.hashes(way) for way in needed]
        if all(hashed):
            most = max(1, MOST_BITS // len(hashed))
            signed.append(or_(*(signatures.may_hold(_some(bits, most)) for bits in hashed)))
        written.append(or_(event_words.c.words.is_(None), *map(_are_written, needed)))
    if not written:
        return None
    return Narrowing(and_(*signed) if signed else None, and_(*written))


def _ways(term: Term) -> Iterator[Way]:
    if term.key is None:
        yield from _in_text_or_document(term.values[0])
    elif term.key.startswith(META):
        names = [Held(part, True, True) for part in _plain(term.key.removeprefix(META))]
        for value in term.values:
            for way in _in_text_or_document(value, whole=True):
                yield (*names, *way)
    elif term.key == "target":
        for value in term.values:
            yield from _in_text_or_document(value, whole=True)
    elif term.key == "path":
        for value in term.values:
            yield (Held(value.removesuffix("*"), True, not value.endswith("*")),)
    elif term.key == "request" or (term.key in {"activity", "ip"} and _are_whole(term)):
        for value in term.values:
            yield (Held(value, True, True),)


def _in_text_or_document(words: str, *, whole: bool = False) -> Iterator[Way]:
    """Yield words as a text has them, and as a JSON document does."""
    for text in dict.fromkeys((words, folding.quoted(words))):
        yield (Held(text, whole, whole),)


def _plain(path: str) -> Iterator[str]:
    """Yield the names of a path into the metadata, but those that JSON may write otherwise."""
    return (name for name in path.split(".") if re.fullmatch(r"[ -~]+", name) and "\\" not in name)


def _are_whole(term: Term) -> bool:
    """Tell whether all values are the whole text that events have, not a prefix or a network.

    An address that begins with colons may hold another, which PostgreSQL writes in its own way.
    """
    return not any(one.endswith("*") or "/" in one or one.startswith("::") for one in term.values)


def _folded(session: Session, texts: Collection[str]) -> dict[str, str]:
    """Fold texts as the log's are; of ASCII it is known how, without asking PostgreSQL."""
    known = {text: text.lower() for text in texts if text.isascii()}
    others = [text for text in texts if text not in known]
    if others:
        asked = func.unnest(literal(others, ARRAY(Text))).table_valued(column("text", Text))
        one = asked.render_derived(name="asked").c.text
        found = session.execute(select(one, folding.folded(one).label("folded")))
        known |= {row.text: row.folded for row in found}
    return known


def _pieces(way: Way, folded: dict[str, str]) -> frozenset[Piece]:
    found: set[Piece] = set()
    for held in way:
        # A line end stands for what is not a piece, on the sides where nothing is.
        text = f"{folding.LINE * held.begins}{folded[held.text]}{folding.LINE * held.ends}"
        found.update(typed(text))
    return frozenset(found)


def _some(bits: Sequence[int], most: int) -> Sequence[int]:
    return bits[:: -(-len(bits) // most)]


def _are_written(pieces: Collection[Piece]) -> Condition:
    words = event_words.c.words
    return and_(
        *(func.strpos(words, one.between_lines) > 0 for one in sorted(pieces, key=_longest_first))
    )


def _longest_first(piece: Piece) -> tuple[int, str]:
    return -len(piece.text), piece.text
