"""XLSX: one row an event with typed cells, and a second sheet that says how to read them.

The rows go to a temporary file as they come (XlsxWriter's constant memory), so any number of
them takes the same memory. A text stays a text: it is never a formula, a link or a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from zipfile import ZipFile
from zoneinfo import ZoneInfo

from sqlalchemy import Text, cast, func
from xlsxwriter import Workbook, workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from auditsaas.events.event_fields import Kind
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.limits import XLSX_ROWS, TooManyRows
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers.cells import kind_of, stored
from auditsaas.exports.writers.sheet_rows import (
    EMPTY,
    LONGEST_TEXT,
    PLAIN,
    Cell,
    are_plain,
    escaped_characters,
    fitted,
    number,
    styled,
    text,
)
from auditsaas.formatting import zones

CUTS_LISTED: Final = 1_000
ROWS_A_STEP: Final = 1_000

NUMBERS = frozenset({Kind.CODE, Kind.NUMBER, Kind.SEQUENCE})
DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a cell's time has no zone
DAY: Final = timedelta(days=1)
WIDTHS = {"created_at": 28, "path": 30, "user_agent": 30, "event_id": 37}
LETTERS: Final = "the letters after each time are part of its cell's number format"

LEVEL: Final = 3
"""Of deflate: half the time of XlsxWriter's own level 6, for a fifth more bytes."""
NOTHING: Final = ("", "", "")

Cut = tuple[int, str]
"""A row of the sheet, and the column of its cell that was cut."""


# XlsxWriter has no option for it.
workbook.ZipFile = partial(ZipFile, compresslevel=LEVEL)


class _Sheet(Worksheet):  # type: ignore[misc]  # XlsxWriter ships no types
    """A sheet in which every text is plain, and whose rows after the head are made here."""

    def _xml_rich_inline_string(self, string: str, attributes: list[Any]) -> None:
        # XlsxWriter takes a text that starts with <r> for its own markup, and does not escape it.
        self._xml_inline_string(string, True, attributes)

    def _escape_control_characters(self, data: str) -> str:
        return escaped_characters(data)

    def begin_rows(self) -> None:
        """Write the head, after which ``add_rows`` may be called."""
        self._write_single_row(1)

    def add_rows(self, rows: str, last: int) -> None:
        """Add rows as XML, the last of which is number ``last``, counted from 0."""
        self.row_data_fh.write(rows)
        self.dim_rowmax = last


def write(source: Source, out: Output, progress: Progress) -> int:
    book = Workbook(_Stream(out), {"constant_memory": True, "use_zip64": True})
    bold = book.add_format({"bold": True})
    sheet = book.add_worksheet("Events", worksheet_class=_Sheet)
    cuts: list[Cut] = []
    _head(sheet, source, bold)
    rows = _rows(sheet, source, _Times(book, source.zone), cuts, progress)
    _notes(book.add_worksheet("Notes", worksheet_class=_Sheet), source, rows, cuts, bold)
    book.close()
    return rows


class _Stream:
    """The stream that the archive is written to; without ``seek``, it is written in one go."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def write(self, chunk: bytes, /) -> int:
        self._out.write(chunk)
        return len(chunk)

    def flush(self) -> None:
        """Do nothing: no byte is held back."""


def _head(sheet: _Sheet, source: Source, bold: Format) -> None:
    sheet.freeze_panes(1, 0)
    for at, name in enumerate(source.columns):
        sheet.set_column(at, at, WIDTHS.get(name, 16))
        sheet.write_string(0, at, name, bold)


class _Times:
    """Times as a sheet's numbers of days, and the formats that write their zone's letters.

    A cell knows no zone. The letters are part of how it is shown, so that it stays a time.
    """

    def __init__(self, book: Workbook, zone: ZoneInfo) -> None:
        self._book = book
        self._zone = zone
        self._formats: dict[str, int] = {}
        self._styles: dict[tuple[str | None, timedelta | None], int] = {}

    def cell(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        days = (local.replace(tzinfo=None) - DAY_ZERO) / DAY
        known = (local.tzname(), local.utcoffset())
        if known not in self._styles:
            self._styles[known] = self._style(zones.letters(at, self._zone))
        return styled(days, self._styles[known])

    def _style(self, letters: str) -> int:
        """Return the number of the format that writes the letters of the zone."""
        if letters not in self._formats:
            shown = f'yyyy-mm-dd hh:mm:ss.000 "{letters}"'
            made = self._book.add_format({"num_format": shown})
            self._formats[letters] = made._get_xf_index()
        return self._formats[letters]


def _rows(sheet: _Sheet, source: Source, times: _Times, cuts: list[Cut], progress: Progress) -> int:
    columns = [_value(name, source).label(name) for name in source.columns]
    write_row = _writer(source.columns, times)
    row, limit = 0, source.row_limit or XLSX_ROWS
    sheet.begin_rows()
    for rows in source.rows(columns, ROWS_A_STEP):
        if row + len(rows) > limit:
            raise TooManyRows("xlsx", limit)
        made = []
        for values in rows:
            row += 1
            written = write_row(values)
            made.append(f'<row r="{row + 1}">{written}</row>')
            if len(written) > LONGEST_TEXT // 2:
                cuts += _cuts(row, values, source.columns)
        sheet.add_rows("".join(made), row)
        progress(row)
    return row


def _writer(names: Sequence[str], times: _Times) -> Callable[[Sequence[Any]], str]:
    """Return what writes the values of a row as cells; most rows have only plain texts."""
    cells = [_cell(name, times) for name in names]
    texts = [at for at, cell in enumerate(cells) if cell is _text]
    others = [(at, cell) for at, cell in enumerate(cells) if cell is not _text]
    shell = [part for cell in cells for part in (PLAIN if cell is _text else NOTHING)]

    def write_row(values: Sequence[Any]) -> str:
        known = [values[at] for at in texts if values[at] is not None]
        if not are_plain(known):
            pairs = zip(cells, values, strict=True)
            return "".join([EMPTY if value is None else cell(value) for cell, value in pairs])
        # One join of all: of each cell what stands before its value, the value, and what is behind.
        parts = shell[:]
        parts[1::3] = values
        for at, cell in others:
            if values[at] is not None:
                parts[3 * at + 1] = cell(values[at])
        for at, value in enumerate(values):
            if value is None:
                parts[3 * at : 3 * at + 3] = ("", EMPTY, "")
        return "".join(parts)

    return write_row


def _cuts(row: int, values: Sequence[Any], names: Sequence[str]) -> Iterator[Cut]:
    """Yield the cells of a long row that do not hold all of their text."""
    for name, value in zip(names, values, strict=True):
        if isinstance(value, str) and fitted(value) is not value:
            yield row, name


def _value(name: str, source: Source) -> Any:
    """Select a column as text or number, so that no row pays for conversions in Python."""
    value = stored(name, source.slugs)
    kind = kind_of(name)
    if kind is Kind.TIME or kind in NUMBERS:
        return value
    return func.host(value) if kind is Kind.ADDRESS else cast(value, Text)


def _cell(name: str, times: _Times) -> Cell:
    """Return what writes a column's values as cells."""
    kind = kind_of(name)
    if kind is Kind.TIME:
        return times.cell
    return number if kind in NUMBERS else _text


def _text(value: str) -> str:
    return text(fitted(value))


def _notes(sheet: Worksheet, source: Source, rows: int, cuts: list[Cut], bold: Format) -> None:
    lines = [
        ("Rows", f"{rows:,}"),
        ("Times", f"created_at is in {source.zone.key}, to the millisecond; {LETTERS}"),
    ]
    if source.about:
        lines = [("Filter", source.about.filter), ("Period", source.about.period), *lines]
    if len(source.columns) < len(COLUMNS):
        lines.append(("Columns", f"{len(source.columns)} of {len(COLUMNS)} were chosen"))
    if cuts:
        limit = f"longer than the {LONGEST_TEXT:,} characters that a cell holds"
        lines.append(("Cut cells", f"{len(cuts):,} texts are {limit}; they end in …"))
        lines.append(("", "The full texts are in a CSV or JSONL export."))
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 1, 80)
    listed = [(f"Row {row + 1:,}", name) for row, name in cuts[:CUTS_LISTED]]
    for at, (name, words) in enumerate([*lines, *listed]):
        sheet.write_string(at, 0, name, bold)
        sheet.write_string(at, 1, fitted(words))
