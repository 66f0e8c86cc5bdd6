"""XLSX: one row an event with typed cells, and a second sheet that says how to read them.

The rows go to a temporary file as they come (XlsxWriter's constant memory), so any number of
them takes the same memory. A text stays a text: it is never a formula, a link or a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Text, cast, func
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from auditsaas.events.event_fields import Kind
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.limits import XLSX_ROWS, TooManyRows
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers.cells import kind_of, stored
from auditsaas.formatting import zones

LONGEST_TEXT: Final = 32_767
"""UTF-16 units in a cell (Microsoft, "Excel specifications and limits")."""
CUTS_LISTED: Final = 1_000
ROWS_A_STEP: Final = 1_000

NUMBERS = frozenset({Kind.CODE, Kind.NUMBER, Kind.SEQUENCE})
DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a cell's time has no zone
DAY: Final = timedelta(days=1)
WIDTHS = {"created_at": 28, "path": 30, "user_agent": 30, "event_id": 37}
LETTERS: Final = "the letters after each time are part of its cell's number format"
_NOT_IN_XML = re.compile("[\ufffe\uffff]")

Cut = tuple[int, str]
"""A row of the sheet, and the column of its cell that was cut."""


class _Sheet(Worksheet):  # type: ignore[misc]  # XlsxWriter ships no types
    """A sheet in which every text is plain, whatever it looks like."""

    def _xml_rich_inline_string(self, string: str, attributes: list[Any]) -> None:
        # XlsxWriter takes a text that starts with <r> for its own markup, and does not escape it.
        self._xml_inline_string(string, True, attributes)

    def _escape_control_characters(self, data: str) -> str:
        escaped: str = super()._escape_control_characters(data)
        return _NOT_IN_XML.sub(lambda found: f"_x{ord(found.group()):04X}_", escaped)


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


def _head(sheet: Worksheet, source: Source, bold: Format) -> None:
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
        self._formats: dict[str, Format] = {}

    def days(self, at: datetime) -> float:
        return (at.astimezone(self._zone).replace(tzinfo=None) - DAY_ZERO) / DAY

    def format(self, at: datetime) -> Format:
        letters = zones.letters(at, self._zone)
        if letters not in self._formats:
            shown = f'yyyy-mm-dd hh:mm:ss.000 "{letters}"'
            self._formats[letters] = self._book.add_format({"num_format": shown})
        return self._formats[letters]


def _rows(
    sheet: Worksheet, source: Source, times: _Times, cuts: list[Cut], progress: Progress
) -> int:
    writers = [_writer(sheet, at, name, times) for at, name in enumerate(source.columns)]
    columns = [_value(name, source).label(name) for name in source.columns]
    row, limit = 0, source.row_limit or XLSX_ROWS
    for rows in source.rows(columns, ROWS_A_STEP):
        if row + len(rows) > limit:
            raise TooManyRows("xlsx", limit)
        for values in rows:
            row += 1
            for at, value in enumerate(values):
                if value is not None and writers[at](row, value):
                    cuts.append((row, source.columns[at]))
        progress(row)
    return row


def _value(name: str, source: Source) -> Any:
    """Select a column as text or number, so that no row pays for conversions in Python."""
    value = stored(name, source.slugs)
    kind = kind_of(name)
    if kind is Kind.TIME or kind in NUMBERS:
        return value
    return func.host(value) if kind is Kind.ADDRESS else cast(value, Text)


def _writer(sheet: Worksheet, at: int, name: str, times: _Times) -> Callable[[int, Any], bool]:
    """Return a function that writes a value into a column, and tells whether it had to be cut."""

    def number(row: int, value: float) -> bool:
        sheet.write_number(row, at, value)
        return False

    def time(row: int, value: datetime) -> bool:
        sheet.write_number(row, at, times.days(value), times.format(value))
        return False

    def text(row: int, value: str) -> bool:
        shown = fitted(value)
        sheet.write_string(row, at, shown)
        return shown is not value

    kind = kind_of(name)
    if kind is Kind.TIME:
        return time
    return number if kind in NUMBERS else text


def fitted(text: str) -> str:
    """Return the text itself, or its beginning and an ellipsis where a cell cannot hold it all."""
    if len(text) <= LONGEST_TEXT // 2 or _units(text) <= LONGEST_TEXT:
        return text
    return text.encode("utf-16-le")[: 2 * (LONGEST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


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
