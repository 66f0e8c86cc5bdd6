"""The columns of a file as a form chooses them: which, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from werkzeug.datastructures import MultiDict

from auditsaas.exports.columns import COLUMNS, TITLES, chosen_columns
from auditsaas.exports.formats import Format

UP: Final = "up"


@dataclass(frozen=True, kw_only=True)
class ShownColumn:
    """A column that can be ticked, and moved."""

    name: str
    title: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class ColumnChoice:
    """The columns that were ticked, and all of them in the order that they were given."""

    names: tuple[str, ...] = COLUMNS
    order: tuple[str, ...] = COLUMNS
    listed: bool = True
    """Whether the form listed them all, so that none ticked means none."""

    @classmethod
    def of_names(cls, names: Sequence[str]) -> ColumnChoice:
        """Read what a schedule keeps: nothing for every column."""
        if not names:
            return ALL_COLUMNS
        return cls(names=tuple(names), order=_whole(names))

    @classmethod
    def of_fields(cls, fields: MultiDict[str, str]) -> ColumnChoice:
        """Read a sent form, which may ask to move one column; without a list, nothing is all."""
        order, ticked = fields.getlist("column_order"), tuple(fields.getlist("columns"))
        if not order:
            return cls(names=ticked, order=_whole(ticked), listed=False) if ticked else ALL_COLUMNS
        choice = cls(names=ticked, order=_whole(order))
        move = fields.get("move", "").partition(":")
        return choice.moved(move[2], up=move[0] == UP) if move[2] in COLUMNS else choice

    def moved(self, name: str, *, up: bool) -> ColumnChoice:
        """Move a column by one place, if there is one."""
        order = [one for one in self.order if one != name]
        at = self.order.index(name) + (-1 if up else 1)
        order.insert(min(max(at, 0), len(order)), name)
        names = sorted(self.names, key=lambda one: order.index(one) if one in order else len(order))
        return replace(self, names=tuple(names), order=tuple(order))

    @property
    def shown(self) -> list[ShownColumn]:
        """List every column in its order."""
        return [
            ShownColumn(name=name, title=TITLES[name], chosen=name in self.names)
            for name in self.order
        ]

    @property
    def words(self) -> str:
        """Say how many are chosen."""
        number = sum(name in self.names for name in COLUMNS)
        return f"All {number}" if number == len(COLUMNS) else f"{number} of {len(COLUMNS)}"

    @property
    def is_all(self) -> bool:
        return self.names == COLUMNS

    def chosen(self, format_: Format | None) -> tuple[str, ...]:
        """Return the columns in their order, nothing for all of them.

        Raises:
            InvalidFields: one is unknown, or named twice.
            ValueError: none is ticked, or a format without a choice of them was given one.
        """
        names = chosen_columns(self.names)
        if format_ is not None and not format_.columns:
            if not self.listed:
                raise ValueError(f"{format_.name} always holds every column.")
            return ()
        if not names:
            raise ValueError("Choose at least one column.")
        return () if names == COLUMNS else names


def _whole(names: Iterable[str]) -> tuple[str, ...]:
    """Return every column, those named first."""
    return tuple(dict.fromkeys([*(name for name in names if name in COLUMNS), *COLUMNS]))


ALL_COLUMNS: Final = ColumnChoice()
