"""A mapping as a format: the events of a source, each with its key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from auditsaas.events.importers.fitting import SHORT, fit
from auditsaas.events.importers.format import Format, structure_of
from auditsaas.events.importers.lines import Source
from auditsaas.events.importers.mapping.building import event_of, own_id
from auditsaas.events.importers.mapping.form import Mapping
from auditsaas.events.importers.mapping.inputs import INPUTS, Item, is_json
from auditsaas.events.importers.mapping.records import has_id_of_its_own, records_of
from auditsaas.events.importers.outcome import LineError, Parsed, Refused
from auditsaas.events.importers.reading import Orders, Outcomes, Reading, key_of, order_of


def format_of(key: str, mapping: Mapping) -> Format:
    """Make the format of a mapping; ``key`` begins the idempotency keys of its events."""

    def parse(source: Source, reading: Reading) -> Outcomes:
        return _outcomes(mapping, source, reading)

    def check(source: Source) -> None:
        if is_json(source, mapping):
            structure_of(source, mapping.under)

    return Format(key=key, title=mapping.title, parse=parse, check=check)


def _outcomes(mapping: Mapping, source: Source, reading: Reading) -> Outcomes:
    orders = Orders()
    zone = reading.zone or (ZoneInfo(mapping.zone) if mapping.zone else None)
    for item in INPUTS[mapping.input](source, mapping, reading.progress):
        if isinstance(item, Refused):
            yield item
            continue
        try:
            parts = list(records_of(mapping, item.record))
        except LineError as error:
            yield Refused(item.number, error.reason, item.byte, error.near)
            continue
        for part in range(len(parts)):
            yield _outcome(mapping, item, parts[part], part, zone, reading, orders)


def _outcome(
    mapping: Mapping,
    item: Item,
    record: dict[str, Any],
    part: int,
    zone: tzinfo | None,
    reading: Reading,
    orders: Orders,
) -> Parsed | Refused:
    try:
        event = event_of(mapping, record, zone)
    except LineError as error:
        return Refused(item.number, error.reason, item.byte, error.near)
    known_as = own_id(mapping, record)
    key = key_of(reading, item.number, known_as)
    needs_part = part and (known_as is None or not has_id_of_its_own(mapping))
    event["idempotency_key"] = f"{key}.{part}" if needs_part else key
    if item.prefix and known_as is None:
        event["metadata"].setdefault("prefix", item.prefix)
    if item.size > SHORT or item.is_nested:
        fit(event["metadata"])
    order = order_of(event, orders) if known_as is None else None
    return Parsed(item.number, event, order, byte=item.byte)


def each_record(mapping: Mapping, source: Source) -> Iterator[dict[str, Any]]:
    """Read each readable record of a source, before it is looked at."""
    for item in INPUTS[mapping.input](source, mapping, lambda _bytes: None):
        if isinstance(item, Item):
            yield item.record
