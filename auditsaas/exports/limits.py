"""Limits the rows of a file of each format; more are refused, never cut."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from auditsaas.errors import DomainError
from auditsaas.events.reading.totals import Count

XLSX_ROWS: Final = 1_048_575
"""Rows that a sheet holds below its header (Microsoft, "Excel specifications and limits")."""
PDF_ROWS: Final = 500_000

ROW_LIMITS: Final[Mapping[str, int]] = {"xlsx": XLSX_ROWS, "pdf": PDF_ROWS}

ROWS_ON_COVER: Final = 16
ROWS_ON_PAGE: Final = 28


def pages_of(rows: int) -> int:
    """Compute the pages of a report of so many rows."""
    return 1 + math.ceil(max(0, rows - ROWS_ON_COVER) / ROWS_ON_PAGE)


def row_limits(pdf_rows: int = PDF_ROWS) -> dict[str, int]:
    """Return the limits by format, where the installation has set that of a PDF."""
    return {**ROW_LIMITS, "pdf": pdf_rows}


class TooManyRows(DomainError):
    """The filter matches more rows than a file of the format holds."""

    status = 422
    title = "Too many rows"

    def __init__(self, format: str, limit: int, matches: int | None = None) -> None:
        kind = "A PDF" if format == "pdf" else f"An {format.upper()} file"
        found = f"{matches:,}" if matches else "more"
        super().__init__(
            f"{kind} holds {limit:,} rows; this filter matches {found}."
            " Choose CSV, or one file a month."
        )


def refuse_too_many(format: str, count: Count, limits: Mapping[str, int] = ROW_LIMITS) -> None:
    """Raise TooManyRows if a file of the format cannot hold what was counted."""
    limit = limits.get(format)
    if limit is not None and count.total > limit:
        raise TooManyRows(format, limit, count.total if count.exact else None)
