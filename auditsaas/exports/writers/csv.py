"""CSV as CONTRACT says: UTF-8 with BOM, RFC 4180, CRLF, and no cell that a spreadsheet would run.

PostgreSQL does the escaping; only the line ends are put in here.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, case, func, literal

from auditsaas.events.event_fields import TABLE, Kind
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers.cells import stored

LINE_END = b"\r\n"

FORMULA_STARTS = tuple(ord(character) for character in "=+-@\t\r\n＝＋－＠")
ISO_8601 = 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM'


def write(source: Source, out: Output, progress: Progress) -> int:
    names = source.columns
    out.write(BOM_UTF8 + ",".join(names).encode() + LINE_END)
    written = 0
    chosen = [cell(name, source.slugs).label(name) for name in names]
    for rows in source.copied(chosen):
        written += len(rows)
        rows.append(b"")
        out.write(LINE_END.join(rows))
        progress(written)
    return written


def cell(name: str, slugs: Mapping[UUID, str]) -> ColumnElement[Any]:
    """Select the cell of a column, by the column's name in the header."""
    value = stored(name, slugs)
    known = TABLE[name]
    if known.kind is Kind.TIME:
        return func.to_char(value, ISO_8601)
    # The other texts are the product's own, or JSON, which starts with a bracket.
    return harmless(value) if known.free else value


def harmless(column: ColumnElement[str]) -> ColumnElement[str]:
    """Write ``'`` before a text that a spreadsheet would run (OWASP "CSV Injection")."""
    # A comparison of the first code point is several times cheaper than a regular expression.
    runs = func.ascii(column).in_(FORMULA_STARTS)
    return case((runs, literal("'", String) + column), else_=column)
