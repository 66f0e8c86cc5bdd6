"""Mappings as types, once their JSON form is checked (see ``checking``): records to events.

``docs/importing.md``, "Mappings", documents the form. Every text field of an event is given by an
expression; whatever of a record no field holds whole stays in the event's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Any

from auditsaas.events.importers.mapping.paths import Path


@dataclass(frozen=True, kw_only=True)
class Need:
    """A requirement on a record to be of this kind: a value at one of ``paths``."""

    paths: tuple[Path, ...]
    values: frozenset[str] = frozenset()
    """The possible values, in small letters; any where there are none."""

    def __str__(self) -> str:
        names = " or ".join(".".join(path) for path in self.paths)
        return f"{names} = {' or '.join(sorted(self.values))}" if self.values else names


@dataclass(frozen=True, kw_only=True)
class Expression:
    """The source of a value, exactly one of the first four, and what is done to it."""

    path: Path | None = None
    constant: str | None = None
    template: tuple[str | Path, ...] = ()
    """Texts, and between them the paths whose values they enclose."""
    first: tuple[Expression, ...] = ()
    """The first of these that says something counts."""

    values: Table[str, str | None] = field(default_factory=dict)
    """A table of texts, by the text in small letters; one that ends in ``*`` is a prefix.
    None is nothing."""
    otherwise: str | None = None
    """The value of all texts that ``values`` does not name."""
    is_closed: bool = False
    """Whether what ``values`` does not name is nothing."""
    when: Need | None = None
    """A requirement on the record for it to say anything."""
    case: str | None = None
    """`lower`, `upper` or `snake`."""
    format: str | None = None
    """The format of a time, by the signs of ``strptime``."""
    unit_ms: float = 1
    """Milliseconds of a duration's unit."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """A target, or one for each element of a list."""

    type: Expression
    id: Expression
    name: Expression | None = None
    each: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Changes with before and after; one field, or one for each element of a list."""

    field: Expression
    before: Expression | None = None
    after: Expression | None = None
    each: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Mapping:
    title: str
    input: str
    """`json`, `csv`, or one of the kinds of lines (see ``readers``)."""
    fields: Table[str, Expression]
    """By the name of an event's field, such as `actor.id` and `metadata.plan`."""
    under: frozenset[str] = frozenset()
    """Names under which a JSON document holds its records."""
    unpack: tuple[Path, ...] = ()
    """Paths at which a record holds JSON as text."""
    lift: tuple[Path, ...] = ()
    """Objects whose members are taken for the record's own."""
    split: tuple[Path, ...] = ()
    """Lists of which each element is an event."""
    pairs: tuple[Path, ...] = ()
    """Lists of names and values that are taken for objects; ``*`` stands for every element."""
    needs: tuple[Need, ...] = ()
    drop: tuple[Path, ...] = ()
    """Paths that are dropped."""
    id: Expression | None = None
    zone: str | None = None
    """Of times that name none, unless the operator says another."""
    targets: tuple[Targets, ...] = ()
    changes: tuple[Changes, ...] = ()
    form: Table[str, Any] = field(default_factory=dict, compare=False)
    """The JSON form it was read from."""
