"""Values of cells, for the writers of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, case, literal

from auditsaas.events.models import events

STORED = {
    "user_name": "actor_name",
    "user_email": "actor_email",
    "user_id": "actor_id",
    "user_role": "actor_role",
    "ip_address": "ip",
    "event_id": "id",
}
"""Columns of a file that the log knows by another name."""


def stored(name: str, slugs: Mapping[UUID, str]) -> ColumnElement[Any]:
    """The value of a file's column, as the log holds it."""
    if name == "created_at":
        return events.c.occurred_at
    return slug_of(slugs) if name == "workspace" else events.c[STORED.get(name, name)]


def slug_of(slugs: Mapping[UUID, str]) -> ColumnElement[str]:
    if len(slugs) == 1:
        return literal(next(iter(slugs.values())), String)
    return case(dict(slugs), value=events.c.workspace_id)
