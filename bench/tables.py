"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Table:
    def __init__(self, title: str, columns: list[str], notes: list[str] | None = None) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[list[str]] = []
        self.notes = notes or []
        """Sentences below the table: how things were set up."""

    def add(self, *cells: str) -> None:
        self.rows.append(list(cells))

    def __str__(self) -> str:
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += map(_line, self.rows)
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join([*lines, ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def ms(value: float) -> str:
    return f"{value:.1f}"


def flattened(result: Any) -> Iterator[Table]:
    """The tables of what a measurement returned: one, or several in whatever nesting."""
    if isinstance(result, Table):
        yield result
    elif result is not None:
        for part in result:
            yield from flattened(part)
