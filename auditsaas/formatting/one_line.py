"""Reads a name or a reason that a person typed, on one line."""

from __future__ import annotations

from auditsaas.errors import Invalid


def one_line(text: str, what: str, most: int, *, least: int = 1) -> str:
    """Write typed text on one line; ``what`` is it in words, such as “A name”.

    Raises:
        Invalid: it has other than ``least`` to ``most`` characters, or some that cannot be seen.
    """
    line = " ".join(text.split())
    if not least <= len(line) <= most or not line.isprintable():
        raise Invalid(f"{what} has {least} to {most} printable characters.")
    return line
