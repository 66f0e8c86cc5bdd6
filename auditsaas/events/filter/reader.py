"""Reads query parameters one by one, and collects what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from auditsaas.errors import FieldError
from auditsaas.events.filter.period import PRESETS, RangeError, TimeRange, custom, preset
from auditsaas.events.search.parser import QueryError, parse
from auditsaas.events.search.values import METHODS, BadValue, source
from auditsaas.events.wording import alternatives
from auditsaas.text import MappedTooWide, network_text, normal_address, storable

MAX_VALUES = 100
MAX_LENGTH = 512
MOST_NAMED = 5
CUSTOM = "custom"
ALL_TIME = "all"
"""The range that says it is open; without one a filter is of all time too."""


class Arguments(Protocol):
    """Query arguments, such as werkzeug's MultiDict."""

    def __iter__(self) -> Iterator[str]: ...
    def getlist(self, key: str) -> list[str]: ...


@dataclass(frozen=True)
class SearchError(FieldError):
    """An error in the search box, with its position."""

    term: str = ""
    suggestion: str | None = None
    mended: str | None = None
    """The whole search with the suggestion in place of the term."""

    @classmethod
    def of(cls, error: QueryError, text: str) -> SearchError:
        mended = None
        if error.suggestion is not None:
            mended = text[: error.start] + error.suggestion + text[error.end :]
        message = error.message if error.message.endswith("?") else f"{error.message}."
        return cls("q", message, error.term, error.suggestion, mended)


class Reader:
    """Reads parameters one by one and collects what is wrong with them."""

    def __init__(self, args: Arguments) -> None:
        self._args = args
        self.errors: list[FieldError] = []

    def refuse(self, name: str, message: str) -> None:
        self.errors.append(FieldError(name, message))

    def refuse_unknown(self, known: Collection[str], beside: Collection[str]) -> None:
        """Refuse parameters that are neither ``known`` nor ``beside`` them, each by name."""
        names = [name for name in self._args if name not in known and name not in beside]
        for name in names[:MOST_NAMED]:
            words = f"There is no filter called “{name[:40]}”."
            near = get_close_matches(name.lower(), known, 1)
            self.refuse(name[:40], f"{words} Did you mean “{near[0]}”?" if near else words)

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(dict.fromkeys(v.strip() for v in self._args.getlist(name) if v.strip()))
        if len(values) > MAX_VALUES:
            self.refuse(
                name,
                f"A filter holds at most {MAX_VALUES} values; {len(values)} given.",
            )
            return ()
        for value in values:
            if len(value) > MAX_LENGTH:
                self.refuse(name, f"A value holds at most {MAX_LENGTH} characters.")
                return ()
            if not storable(value):
                self.refuse(name, "A value holds a character that no event can have.")
                return ()
        return values

    def single(self, name: str) -> str:
        values = self.texts(name)
        if len(values) > 1:
            self.refuse(name, "Give one value.")
        return values[0] if values else ""

    def choices(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        by_folded = {value.casefold(): value for value in known}
        chosen = []
        for value in self.texts(name):
            if value.casefold() in by_folded:
                chosen.append(by_folded[value.casefold()])
            else:
                self.refuse(name, f"Choose {alternatives(known)}, not “{value[:40]}”.")
        return tuple(value for value in known if value in chosen)

    def prefixes(self, name: str) -> tuple[str, ...]:
        values = self.texts(name)
        for value in values:
            if "*" in value[:-1]:
                self.refuse(name, f"A * may only end a value: “{value[:40]}”.")
        return values

    def methods(self, name: str) -> tuple[str, ...]:
        """Read the five common methods in any case, and any other exactly as it was stored."""
        values = (v.upper() if v.upper() in METHODS else v for v in self.texts(name))
        return tuple(dict.fromkeys(values))

    def sources(self, name: str) -> tuple[str, ...]:
        """Read sources of events, or beginnings of them."""
        found = []
        for value in self.texts(name):
            try:
                found.append(source(value))
            except BadValue as error:
                self.refuse(name, f"{error}.")
        return tuple(dict.fromkeys(found))

    def networks(self, name: str) -> tuple[str, ...]:
        found = []
        for value in self.texts(name):
            try:
                found.append(normal_address(value) or network_text(value))
            except MappedTooWide as error:
                self.refuse(name, f"{error}.")
            except ValueError:
                self.refuse(name, f"“{value[:45]}” is not an IP address or network (CIDR).")
        return tuple(dict.fromkeys(found))

    def milliseconds(self, name: str) -> float | None:
        text = self.single(name)
        if not text:
            return None
        digits = text.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit()) or float(text) > 86_400_000:
            self.refuse(name, f"“{text[:40]}” is not a number of milliseconds up to 86,400,000.")
            return None
        return float(text)

    def search(self) -> dict[str, Any]:
        text = next((value.strip() for value in self._args.getlist("q") if value.strip()), "")
        try:
            return {"q": text, "terms": parse(text)}
        except QueryError as error:
            self.errors.append(SearchError.of(error, text))
            return {"q": text}

    def range(self, zone: ZoneInfo, now: datetime, date_format: str) -> dict[str, Any]:
        key = self.single("range")
        from_text, to_text = self.single("from"), self.single("to")
        if key in ("", CUSTOM):
            return self._dates(from_text, to_text, zone, date_format)
        if key not in PRESETS and key != ALL_TIME:
            known = alternatives([*PRESETS, ALL_TIME])
            self.refuse("range", f"Choose {known}, not “{key[:40]}”.")
        elif from_text or to_text:
            self.refuse("range", "Give either a preset range or dates, not both.")
        elif key in PRESETS:
            return {"range": key, "period": preset(key, zone, now)}
        return {}

    def _dates(
        self, from_text: str, to_text: str, zone: ZoneInfo, date_format: str
    ) -> dict[str, Any]:
        if not from_text and not to_text:
            return {}
        period = TimeRange()
        try:
            period = custom(from_text, to_text, zone, date_format)
        except RangeError as error:
            self.refuse(error.field, str(error))
        return {"range": CUSTOM, "from_text": from_text, "to_text": to_text, "period": period}
