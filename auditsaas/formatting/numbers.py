"""Numbers, durations, sizes and shares as a person reads them."""

from __future__ import annotations

from typing import Final

SIZE_UNITS: Final = ("KB", "MB", "GB", "TB")


def number(value: float | None) -> str:
    """Write `12,345`; nothing for None."""
    return "" if value is None else f"{round(value):,}"


def plain_number(value: float | None) -> str:
    """Write a number as it is typed into a field: `1500`, `0.5`; nothing for None."""
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def milliseconds(value: float | None) -> str:
    """Write `1,284 ms`, never `1.3 s`; `0.4 ms` below ten; nothing for None."""
    if value is None:
        return ""
    text = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{round(value):,}"
    return f"{text} ms"


def size(count: int | None) -> str:
    """Write bytes as `214 KB` or `1.4 MB`, in thousands; nothing for None."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    value = count / 1000
    for unit in SIZE_UNITS:
        if value < 999.5 or unit == SIZE_UNITS[-1]:
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "KB" or value >= 100 else f"{value:,.1f} {unit}"


def percent(part: float, whole: float) -> str:
    """Write `3.6%`; `0.0%` of nothing."""
    return f"{100 * part / whole if whole else 0:.1f}%"


def period(days: int) -> str:
    """Write `7 years`, `90 days`: in years where they are whole ones."""
    n, unit = (days // 365, "year") if days % 365 == 0 else (days, "day")
    return f"{n:,} {unit}" if n == 1 else f"{n:,} {unit}s"
