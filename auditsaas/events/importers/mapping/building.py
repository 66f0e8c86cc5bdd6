"""Makes the event of one record by a mapping."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from auditsaas.events.importers.mapping.checking import METADATA
from auditsaas.events.importers.mapping.draft import (
    Draft,
    add_activity,
    add_address,
    add_duration,
    add_status,
    add_texts,
)
from auditsaas.events.importers.mapping.expressions import paths_of, said
from auditsaas.events.importers.mapping.form import Expression, Mapping
from auditsaas.events.importers.mapping.moments import read_moment
from auditsaas.events.importers.mapping.parties import add_actor, add_changes, add_targets
from auditsaas.events.importers.mapping.paths import find, without
from auditsaas.events.importers.outcome import LineError, first_keys, listed
from auditsaas.events.importers.reading import LONGEST_OWN_ID


def event_of(mapping: Mapping, record: dict[str, Any], zone: tzinfo | None) -> dict[str, Any]:
    """Build the event of a record, without a key. What no field holds whole stays in its metadata.

    Raises:
        LineError: the record has no time or no activity, or a time that is none.
    """
    draft = Draft(mapping, record)
    _add_time(draft, zone)
    add_texts(draft)
    if not add_activity(draft):
        raise _nothing("activity", mapping.fields.get("activity"), record)
    for add in (add_status, add_duration, add_address, add_actor, add_targets, add_changes):
        add(draft)
    own = said(mapping.id, record)
    if own is not None and len(own.places) == 1 and len(own.text or "") <= LONGEST_OWN_ID:
        draft.use(own)
    draft.used += [
        found.place for path in mapping.drop if (found := find(record, path)) is not None
    ]
    draft.event["metadata"] = _metadata(draft)
    return draft.event


def own_id(mapping: Mapping, record: dict[str, Any]) -> str | None:
    """Return the id that the source itself gave the record."""
    found = said(mapping.id, record)
    return None if found is None else found.text


def _add_time(draft: Draft, zone: tzinfo | None) -> None:
    expression = draft.mapping.fields["occurred_at"]
    found = said(expression, draft.record)
    if found is None:
        raise _nothing("time", expression, draft.record)
    written = _format(expression, draft.record)
    draft.event["occurred_at"] = read_moment(found.value, zone, written)
    draft.use(found)


def _format(expression: Expression, record: object) -> str | None:
    """Return the time format of the alternative that gave the time."""
    if expression.format is not None or not expression.first:
        return expression.format
    chosen = next((one for one in expression.first if said(one, record) is not None), None)
    return None if chosen is None else _format(chosen, record)


def _nothing(what: str, expression: Expression | None, record: dict[str, Any]) -> LineError:
    names = [".".join(path) for path in paths_of(expression)]
    where = f" in {listed(names)}" if names else ""
    return LineError(f"has no {what}{where}{first_keys(record)}")


def _metadata(draft: Draft) -> dict[str, Any]:
    named = {
        name.removeprefix(METADATA): found
        for name in draft.mapping.fields
        if name.startswith(METADATA) and (found := draft.said(name)) is not None
    }
    for found in named.values():
        draft.use(found)
    rest = without(draft.record, draft.used)
    return rest | {name: found.value for name, found in named.items()}
