"""Reads CSV of any kind, row by row: its header names the members of each row's record.

Cells are divided by the commas, semicolons, tabs or bars that the header has most of. Empty cells
are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auditsaas.events.importers.bounds import MOST_FIELDS, too_many
from auditsaas.events.importers.fitting import storable_copy
from auditsaas.events.importers.lines import MAX_LINE_BYTES, Progress, Source
from auditsaas.events.importers.outcome import Refused

DIVIDERS = ",;\t|"
_BYTE_ORDER_MARK = "\ufeff"
# The limit of the standard library is 128 KiB a cell, for the whole process.
csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True, slots=True)
class Row:
    number: int
    """That of its first line."""
    cells: dict[str, Any]
    size: int


def rows(source: Source, progress: Progress) -> Iterator[list[str] | Row | Refused]:
    """Read the header's names, and each row after it, or why it is none."""
    lines = _Lines(source, progress)
    header: list[str] = []
    for number, cells in _cells(lines):
        size = lines.taken()
        if isinstance(cells, str):
            yield Refused(number, cells)
        elif not header and len(cells) > MOST_FIELDS:
            yield Refused(number, too_many().reason)
            return
        elif not header:
            header = _names(cells)
            yield header
        elif len(cells) != len(header):
            yield Refused(number, f"has {len(cells)} cells, not the header's {len(header)}")
        else:
            named = zip(header, cells, strict=True)
            yield Row(number, storable_copy({name: cell for name, cell in named if cell}), size)
        yield from lines.refused()


def _cells(lines: _Lines) -> Iterator[tuple[int, list[str] | str]]:
    """Read the cells of each row that is not blank, or why there are none."""
    divider = lines.divider()
    if divider is None:
        return
    read = csv.reader(lines, delimiter=divider, strict=True)
    while True:
        first = lines.number + 1
        try:
            cells = next(read)
        except StopIteration:
            return
        except csv.Error as error:
            yield first, f"is not CSV: {error}"
            continue
        if any(cell.strip() for cell in cells):
            yield first, cells


class _Lines:
    """The lines of a source as text; one that is too long is blank, and refused beside."""

    def __init__(self, source: Source, progress: Progress) -> None:
        self._source = source
        self._progress = progress
        self._lines = source.lines(keep_ends=True)
        self._size = 0
        self._refused: list[Refused] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.number, raw = next(self._lines)
        self._size += len(raw)
        if len(raw) > MAX_LINE_BYTES:
            self._refused.append(Refused(self.number, f"longer than {MAX_LINE_BYTES:,} bytes"))
            return "\n"
        text = raw.decode("utf-8", "backslashreplace")
        return text.removeprefix(_BYTE_ORDER_MARK) if self.number == 1 else text

    def taken(self) -> int:
        """Return the bytes of the lines read since the last call."""
        size, self._size = self._size, 0
        return size

    def refused(self) -> list[Refused]:
        refused, self._refused = self._refused, []
        return refused

    def divider(self) -> str | None:
        """Detect what divides the cells of the first line that is not blank; None without one.

        A first line such as ``sep=;``, which spreadsheets write, names it and is passed over.
        """
        for text in self:
            line = text.strip("\r\n")
            if not line.strip():
                continue
            named = line[4:5] if self.number == 1 and line[:4].lower() == "sep=" else ""
            self._lines = self._source.lines(self._progress, keep_ends=True)
            if named:
                next(self)
            else:
                self.number = 0
            self._size, self._refused = 0, []
            return named or max(DIVIDERS, key=line.count)
        return None


def _names(cells: list[str]) -> list[str]:
    """Make the header's names unique: a second `user` is `user 2`, an empty one `column 3`."""
    seen: dict[str, int] = {}
    names = []
    for number, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {number}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return names
