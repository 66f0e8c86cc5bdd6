"""Values of cells, for the writers of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, case, literal

from auditsaas.events.event_fields import TABLE, Kind
from auditsaas.events.models import events


def kind_of(name: str) -> Kind:
    """Return the kind of values of a file's column."""
    return TABLE[name].kind


def stored(name: str, slugs: Mapping[UUID, str]) -> ColumnElement[Any]:
    """Select the value of a file's column, as the log holds it."""
    known = TABLE[name]
    return slug_of(slugs) if known.kind is Kind.SLUG else events.c[known.column]


def slug_of(slugs: Mapping[UUID, str]) -> ColumnElement[str]:
    if len(slugs) == 1:
        return literal(next(iter(slugs.values())), String)
    return case(dict(slugs), value=events.c.workspace_id)
