"""Prints lists of operators' commands: columns for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from auditsaas.formatting.times import iso_minute
from auditsaas.formatting.visible_text import visible

Row = Mapping[str, Any]
"""The values of one line by the names of its columns."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def show(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as one JSON array, or as columns under their names."""
    if as_json:
        click.echo(json.dumps(list(rows), default=_json, ensure_ascii=False))
        return
    lines = [[_text(row[name]) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *lines, strict=True)]
    for line in [list(columns), *lines]:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _text(value: object) -> str:
    """Write a value for a terminal, which shows every character that it holds."""
    if value is None or value is False:
        return "-"
    if value is True:
        return "yes"
    if isinstance(value, datetime):
        return iso_minute(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return visible(value) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{_text(key)}:{_text(held)}" for key, held in value.items()) or "-"
    if isinstance(value, Sequence):
        return ", ".join(map(_text, value)) or "-"
    return str(value)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
