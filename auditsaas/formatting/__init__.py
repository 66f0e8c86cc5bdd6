"""How a person reads dates, numbers, durations and sizes; the only place where zones appear."""

from auditsaas.formatting.jinja import install
from auditsaas.formatting.numbers import milliseconds, number, percent, period, plain_number, size
from auditsaas.formatting.times import (
    date,
    interval,
    minute,
    place,
    relative,
    row_letters,
    row_stamp,
    short_date,
    stamp,
    time,
    utc_text,
    zone_letters,
    zone_name,
)
from auditsaas.formatting.viewer import (
    DATE_PATTERNS,
    DEFAULT,
    Clock,
    DateFormat,
    Density,
    Theme,
    Viewer,
)

__all__ = [
    "DATE_PATTERNS",
    "DEFAULT",
    "Clock",
    "DateFormat",
    "Density",
    "Theme",
    "Viewer",
    "date",
    "install",
    "interval",
    "milliseconds",
    "minute",
    "number",
    "percent",
    "period",
    "place",
    "plain_number",
    "relative",
    "row_letters",
    "row_stamp",
    "short_date",
    "size",
    "stamp",
    "time",
    "utc_text",
    "zone_letters",
    "zone_name",
]
