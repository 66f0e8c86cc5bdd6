"""Defines a format: a name, and a reader of one line or of one JSON object."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.lines import Source
from auditsaas.events.importers.reading import (
    Event,
    Outcomes,
    Reading,
    ReadLine,
    by_line,
    by_record,
    objects,
)


@dataclass(frozen=True, kw_only=True)
class Format:
    key: str
    title: str
    """A description, for people who choose one."""
    parse: Callable[[Source, Reading], Outcomes]
    check: Callable[[Source], None] = lambda _source: None
    """Reads the whole source once, before anything is stored. Raises DocumentError."""


def line_format(key: str, title: str, reader: Callable[[tzinfo | None], ReadLine]) -> Format:
    """Define a format of lines; ``reader`` makes the reading of one file in an assumed zone."""

    def parse(source: Source, reading: Reading) -> Outcomes:
        return by_line(source, reading, reader(reading.zone))

    return Format(key=key, title=title, parse=parse)


def record_format(
    key: str,
    title: str,
    read: Callable[[dict[str, Any], tzinfo | None], Event],
    *,
    names: Iterable[str] = (),
    own_id: Callable[[dict[str, Any]], object] = lambda _record: None,
) -> Format:
    """Define a format of JSON objects; see ``by_record``."""

    def parse(source: Source, reading: Reading) -> Outcomes:
        return by_record(
            source,
            reading,
            lambda record: read(record, reading.zone),
            names=frozenset(names),
            own_id=own_id,
        )

    return Format(
        key=key,
        title=title,
        parse=parse,
        check=lambda source: structure_of(source, frozenset(names)),
    )


def structure_of(source: Source, names: frozenset[str]) -> None:
    """Check the structure of a JSON document; raise DocumentError if it is broken."""
    for _ in objects(source, names):
        pass
