"""The formats of exports. A further format is a writer and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.exports.columns import chosen_columns
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers import csv, jsonl
from config.celery import HEAVY, QUICK

Writer = Callable[[Source, Output, Progress], int]
"""Writes a whole file, never holding all of it, and returns its rows."""

GZIP = "application/gzip"
ZIP = "application/zip"


@dataclass(frozen=True, kw_only=True)
class Format:
    key: str
    name: str
    extension: str
    content_type: str
    write: Writer
    note: str
    queue: str = QUICK
    columns: bool = False
    """Whether columns can be chosen."""
    gzip: bool = False
    """Whether the file can be packed."""
    at_once: bool = False
    """Whether a small file is built while its requester waits."""


@dataclass(frozen=True)
class Options:
    """The options of a file: its columns (all where none is named) and gzip."""

    columns: tuple[str, ...] = ()
    gzip: bool = False


def _loaded_late(module: str) -> Writer:
    """Make a writer whose libraries only the process that builds a file loads."""

    def write(source: Source, out: Output, progress: Progress) -> int:
        rows: int = import_module(f"auditsaas.exports.writers.{module}").write(
            source, out, progress
        )
        return rows

    return write


FORMATS = {
    made.key: made
    for made in (
        Format(
            key="csv",
            name="CSV",
            extension="csv",
            content_type="text/csv; charset=utf-8; header=present",
            write=csv.write,
            note="Every column, UTF-8",
            columns=True,
            gzip=True,
            at_once=True,
        ),
        Format(
            key="pdf",
            name="PDF",
            extension="pdf",
            content_type="application/pdf",
            write=_loaded_late("pdf.report"),
            note="Printable report",
            queue=HEAVY,
        ),
        Format(
            key="jsonl",
            name="JSONL",
            extension="jsonl",
            content_type="application/x-ndjson",
            write=jsonl.write,
            note="One event a line, with metadata",
            gzip=True,
            at_once=True,
        ),
        Format(
            key="xlsx",
            name="XLSX",
            extension="xlsx",
            content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            write=_loaded_late("xlsx"),
            note="Up to 1,048,575 rows",
            columns=True,
        ),
        Format(
            key="parquet",
            name="Parquet",
            extension="parquet",
            content_type="application/vnd.apache.parquet",
            write=_loaded_late("parquet"),
            note="For a data warehouse",
            columns=True,
        ),
    )
}


def format_called(key: str) -> Format:
    """Return the format of a name; raise InvalidFields if there is none."""
    if key not in FORMATS:
        known = ", ".join(FORMATS)
        raise InvalidFields([FieldError("format", f"Choose {known}, not “{key[:20]}”.")])
    return FORMATS[key]


def checked(value: str | None) -> bool:
    """Read a box of a form, or a parameter: anything but nothing, 0 and false ticks it."""
    return (value or "").lower() not in ("", "0", "false", "no")


def options(chosen: Format, *, columns: Iterable[str] = (), gzip: bool = False) -> Options:
    """Read the options of a request, as far as the format has them.

    Raises:
        InvalidFields: the format does not have one, or a column is unknown.
    """
    names = chosen_columns(columns)
    if names and not chosen.columns:
        raise InvalidFields([FieldError("columns", f"{chosen.name} has no columns to choose.")])
    if gzip and not chosen.gzip:
        raise InvalidFields([FieldError("gzip", f"{chosen.name} is not packed; leave gzip out.")])
    return Options(names, gzip)
