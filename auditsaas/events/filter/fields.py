"""Declares each filter once: its words, parsing, SQL condition, index and rollup.

``EventFilter`` declares its fields with these records. The panel, chips, descriptions, addresses,
counts and the API's document are made from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field as DataclassField
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement

from auditsaas.events.filter.reader import Reader
from auditsaas.events.filter.written import Written
from auditsaas.events.search.terms import KEYS
from auditsaas.events.wording import alternatives

Condition: TypeAlias = ColumnElement[bool]
Values: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Filter:
    """The declaration of one filter.

    ``read`` takes the parameter from a ``Reader``, which collects what is wrong with it.
    ``condition`` is what an event must meet; without one the actors table or the scope has the
    answer. ``indexed`` says that an index serves it, or which of its values; ``lead`` ranks the
    indexes of one field, the one that usually leaves fewest events first, and ``splits`` tells
    whether a list of values is better read as one ordered scan a value.
    """

    name: str = ""
    title: str
    api: str
    """Its sentence in the API's document."""
    read: Callable[[Reader, str], Any]
    several: bool = True
    choices: Values = ()
    closed: bool = True
    """Whether other values than the choices are refused."""
    condition: Callable[[Any], Condition | None] | None = None
    indexed: bool | Callable[[Any], bool] = False
    lead: int | None = None
    splits: Callable[[Values], bool] | None = None
    rolled_up: bool = False
    """Whether the hourly and daily counts know it."""
    column: ColumnElement[Any] | None = None
    """The column of events whose values a facet counts."""
    written: Written | None = None
    """What it compares in an event as it was written, where a proof can answer it."""
    of_actor: Callable[[Any], str | None] | None = None
    """Its value of an actor's row (``actor``, ``role``, ``status``), which says what it is now."""
    shown: Callable[[str], str] = str
    """A value as people know it."""
    phrase: Callable[[Any], str] | None = None
    """Words for a description; otherwise “title is value or value”."""
    panel: Literal["fixed", "listed", "own"] | None = None
    """Its facet: every choice, the most frequent values, or one drawn by a function of its own."""

    @property
    def heading(self) -> str:
        """Its title where it stands alone: ``Activity Type`` of ``Activity type``."""
        return " ".join(word[:1].upper() + word[1:] for word in self.title.split(" "))

    def is_indexed(self, value: Any) -> bool:
        """Tell whether an index serves the condition of this value."""
        return self.indexed(value) if callable(self.indexed) else self.indexed

    def describe(self, value: Any) -> str:
        """Word the filter's part of a description; '' where it does not narrow."""
        if value in ((), None):
            return ""
        if self.phrase is not None:
            return self.phrase(value)
        words = list(dict.fromkeys(map(self.shown, value)))
        return f"{in_sentence(self.title)} is {alternatives(words)}"

    def pairs(self, value: Any) -> list[tuple[str, str]]:
        """Write the value as query arguments."""
        if self.several:
            return [(self.name, one) for one in value]
        return [] if value is None else [(self.name, plain_number(value))]


def choices(name: str, *, title: str | None = None, **known: Any) -> Any:
    """Declare a field of ``EventFilter`` whose values are alternatives."""
    title = title or KEYS[name].label
    return field(default=(), metadata={"filter": Filter(name=name, title=title, **known)})


def number(name: str, **known: Any) -> Any:
    """Declare a field of ``EventFilter`` that holds one number, or None."""
    found = Filter(name=name, several=False, **known)
    return field(default=None, metadata={"filter": found})


def declared(cls: type[Any]) -> dict[str, Filter]:
    """Return the records of a class of filters by name, in the order of addresses."""
    found: tuple[DataclassField[Any], ...] = fields(cls)
    return {one.name: one.metadata["filter"] for one in found if "filter" in one.metadata}


def in_sentence(title: str) -> str:
    """Write a title within a sentence: ``HTTP method`` stays, ``User status`` begins small."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def plain_number(value: float) -> str:
    """Write ``84`` or ``0.000061``: the shortest decimal that reads back as ``value``."""
    return f"{Decimal(repr(value)).normalize():f}"
