"""Every format beside its bare limit: ``python -m bench.exports [EVENTS]``.

Each file is built by a process of its own, as a worker's child builds it, from claim to notice.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Final

from bench import csv_export, dataset, plain_table
from bench.dataset import Dataset
from bench.exporting import Built, built
from bench.tables import Table

XLSX_ROWS: Final = 1_000_000
PDF_ROWS: Final = 50_000
PLAIN_ROWS: Final = 5_000
WANTED: Final = {"xlsx": 25_000, "parquet": 60_000}
"""Rows a second."""
MEGABYTES: Final = 300


def measure(data: Dataset) -> Iterator[Table]:
    """The tables one after the other, for each takes its time."""
    yield csv_export.measure(data)
    yield typed_formats(data)
    yield reports(data)


def typed_formats(data: Dataset) -> Table:
    """XLSX as far as a sheet goes, Parquet of everything."""
    table = Table(
        "XLSX and Parquet",
        ["", "rows", "seconds", "rows/s", "wanted", "MB", f"above idle, MB (≤ {MEGABYTES})"],
    )
    for format, wanted in WANTED.items():
        rows = min(XLSX_ROWS, data.in_big) if format == "xlsx" else data.in_big
        made = built(data, format, rows)
        table.add(
            format,
            f"{made.rows:,}",
            f"{made.seconds:.1f}",
            f"{made.rows / made.seconds:,.0f}",
            f"≥ {wanted:,}",
            f"{made.bytes / 1e6:.1f}",
            f"{made.above_idle_mb:.0f}",
        )
    return table


def reports(data: Dataset) -> Table:
    """A report beside one plain table of the same rows, and the longest one there is."""
    rows = min(PLAIN_ROWS, data.in_big)
    table = Table(
        "PDF",
        ["", "rows", "seconds", "ms a row", "of plain", f"above idle, MB (≤ {MEGABYTES})"],
    )
    plain, short = plain_table.rendered(data, rows), built(data, "pdf", rows)
    _add(table, "one plain WeasyPrint table", plain, plain)
    _add(table, "report", short, plain)
    if data.in_big > rows:
        _add(table, "the longest report", built(data, "pdf", min(PDF_ROWS, data.in_big)), plain)
    return table


def _add(table: Table, name: str, made: Built, plain: Built) -> None:
    a_row, plainly = made.seconds / made.rows, plain.seconds / plain.rows
    table.add(
        name,
        f"{made.rows:,}",
        f"{made.seconds:.1f}",
        f"{a_row * 1000:.2f}",
        f"{plainly / a_row:.1f} × faster" if made is not plain else "1",
        f"{made.above_idle_mb:.0f}",
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.exports", description=__doc__)
    options.add_argument("events", type=int, nargs="?", default=1_000_000)
    for table in measure(dataset.ready(options.parse_args().events, 1.0)):
        print(table, flush=True)


if __name__ == "__main__":
    main()
