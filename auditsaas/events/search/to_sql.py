"""The search box's terms as conditions on events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, Uuid, and_, column, func, not_, or_, select, table

from auditsaas.events import folding, texts
from auditsaas.events.conditions import among, came_from, in_network, matches_activity
from auditsaas.events.models import events
from auditsaas.events.search.parser import Term, number_range

Condition = ColumnElement[bool]

_workspaces = table("workspaces", column("id", Uuid), column("slug", Text))
"""Names of workspaces, which the log itself does not keep."""


def condition(term: Term, acted: Condition | None = None) -> Condition:
    """Build a term's SQL condition; a negated term keeps events without the field.

    ``acted`` is the condition of a term that only the actors table can answer.
    """
    found = _positive(term) if acted is None else acted
    return not_(func.coalesce(found, False)) if term.negated else found


def _positive(term: Term) -> Condition:
    if term.key is None:
        return texts.contains(term.values[0])
    if term.key.startswith("meta."):
        return _metadata(term.key.removeprefix("meta."), term.values)
    return BUILDERS[term.key](term)


def _metadata(path: str, values: Sequence[str]) -> Condition:
    keys = path.split(".")
    whole = func.json_extract_path_text(events.c.metadata, path)
    nested = func.json_extract_path_text(events.c.metadata, *keys)
    found = [folding.equals(whole, values)]
    if len(keys) > 1:
        found.append(folding.equals(nested, values))
    return or_(*found)


def _target(term: Term) -> Condition:
    target = func.json_array_elements(events.c.targets).table_valued("value")
    names = [
        folding.equals(target.c.value.op("->>")(key), term.values) for key in ("id", "name", "type")
    ]
    return select(1).select_from(target).where(or_(*names)).exists()


def _numbers(column: ColumnElement[Any]) -> Callable[[Term], Condition]:
    def build(term: Term) -> Condition:
        if term.op != "=":
            return column.op(term.op, is_comparison=True)(float(term.values[0]))
        ranges = map(number_range, term.values)
        return or_(*(and_(column >= low, column <= high) for low, high in ranges))

    return build


def _workspace(term: Term) -> Condition:
    return events.c.workspace_id.in_(
        select(_workspaces.c.id).where(_workspaces.c.slug.in_(term.values))
    )


def _has(term: Term) -> Condition:
    return or_(*(events.c[name].is_not(None) for name in term.values))


BUILDERS: dict[str, Callable[[Term], Condition]] = {
    "activity": lambda term: matches_activity(events.c.activity, term.values),
    "status": lambda term: among(events.c.status, term.values),
    "method": lambda term: among(events.c.method, term.values),
    "platform": lambda term: among(events.c.platform, term.values),
    "source": lambda term: came_from(term.values),
    "ip": lambda term: or_(*(in_network(value) for value in term.values)),
    "request": lambda term: among(events.c.request_id, term.values),
    "path": lambda term: folding.matches(events.c.path, term.values),
    "browser": lambda term: or_(
        *(folding.starts_with(events.c.browser, value) for value in term.values)
    ),
    "target": _target,
    "ms": _numbers(events.c.duration_ms),
    "code": _numbers(events.c.status_code),
    "workspace": _workspace,
    "has": _has,
}
