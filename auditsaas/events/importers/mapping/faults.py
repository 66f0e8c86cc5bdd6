"""Collects what is wrong with a form, each by the place where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from auditsaas.errors import FieldError
from auditsaas.events.importers.mapping.paths import Path, path_of

LONGEST_TEXT = 512
MOST = 500
"""Entries of a list or a table."""

Checked = TypeVar("Checked")


class MappingError(Exception):
    """A form that is no mapping; ``errors`` name each place, such as `fields.actor.id.first[1]`."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(said(error) for error in errors))
        self.errors = errors


def said(error: FieldError) -> str:
    """Word a fault: `fields.status.case: must be one of …`, or without a place the words alone."""
    return f"{error.field}: {error.message}" if error.field else error.message


class Faults:
    """Checks parts of a form. What is wrong is noted, and something harmless given instead."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def note(self, place: str, words: str) -> None:
        self.errors.append(FieldError(place, words))

    def members(self, form: object, names: Sequence[str], place: str) -> dict[str, Any]:
        """Check an object that has no other members than ``names``."""
        if not isinstance(form, dict):
            self.note(place, "must be an object")
            return {}
        for name in form:
            if name not in names:
                known = ", ".join(names)
                self.note(f"{place}.{name}" if place else name, f"is not known; known are {known}")
        return form

    def text(self, value: object, place: str, longest: int = LONGEST_TEXT) -> str:
        if isinstance(value, str) and value.strip() and len(value) <= longest:
            return value
        self.note(place, f"must be a text of 1 to {longest} characters")
        return "?"

    def path(self, value: object, place: str) -> Path:
        text = self.text(value, place)
        if text != "." and not all(text.split(".")):
            self.note(place, f"“{text}” is no path: a name is missing beside a dot")
        return path_of(text)

    def one_of(self, value: object, names: Sequence[str], place: str) -> str:
        if isinstance(value, str) and value in names:
            return value
        self.note(place, f"must be one of {', '.join(names)}")
        return names[0]

    def each(
        self, value: object, place: str, check: Callable[[Any, str], Checked]
    ) -> tuple[Checked, ...]:
        """Check each element of a list by ``check``."""
        if not isinstance(value, list) or len(value) > MOST:
            self.note(place, f"must be a list of at most {MOST}")
            return ()
        return tuple(check(item, f"{place}[{number}]") for number, item in enumerate(value))

    def paths(self, value: object, place: str) -> tuple[Path, ...]:
        return self.each(value, place, self.path)
