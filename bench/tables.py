"""Results as Markdown tables."""

from __future__ import annotations


class Table:
    def __init__(self, title: str, columns: list[str]) -> None:
        self.title = title
        self.columns = columns
        self.rows: list[list[str]] = []

    def add(self, *cells: str) -> None:
        self.rows.append(list(cells))

    def __str__(self) -> str:
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        return "\n".join([*lines, *map(_line, self.rows), ""])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def ms(value: float) -> str:
    return f"{value:.1f}"
