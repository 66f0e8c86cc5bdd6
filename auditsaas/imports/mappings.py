"""The mappings that a workspace keeps by name, to read files of its own kinds by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.errors import Conflict, FieldError, InvalidFields, NotFound
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.mapping.checking import mapping_from_json, mapping_of
from auditsaas.events.importers.mapping.faults import MappingError
from auditsaas.events.importers.mapping.form import Mapping
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.parsing import format_of
from auditsaas.events.importers.registry import NAMES
from auditsaas.imports.models import ImportMapping

MOST = 200
"""Mappings of a workspace."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def kept(session: Session, workspace_id: UUID) -> Sequence[ImportMapping]:
    """List a workspace's mappings by name."""
    return session.scalars(
        select(ImportMapping)
        .where(ImportMapping.workspace_id == workspace_id)
        .order_by(ImportMapping.name)
    ).all()


def find(session: Session, workspace_id: UUID, name: str) -> ImportMapping:
    """Find a mapping by its name; raise NotFound if the workspace has none."""
    found = session.get(ImportMapping, (workspace_id, name))
    if found is None:
        raise NotFound(f"There is no mapping called {name} here.")
    return found


def save(
    session: Session,
    workspace_id: UUID,
    person_id: UUID,
    *,
    name: str,
    form: str,
    replacing: str | None = None,
) -> ImportMapping:
    """Keep a mapping of that JSON form under a name, in place of the one called ``replacing``.

    Raises:
        InvalidFields: the name cannot be used, or the form is no mapping; `form` errors begin with
            the place.
        Conflict: another mapping has the name, or there are too many.
        NotFound: there is none to replace.
    """
    mapping = _checked(name, form)
    before = None if replacing is None else find(session, workspace_id, replacing)
    taken = session.get(ImportMapping, (workspace_id, name))
    if taken is not None and taken is not before:
        raise Conflict(f"There is a mapping called {name} already.")
    if before is None and len(kept(session, workspace_id)) >= MOST:
        raise Conflict(f"A workspace keeps at most {MOST} mappings.")
    made = before or ImportMapping(workspace_id=workspace_id)
    made.name, made.form, made.updated_by = name, dict(mapping.form), person_id
    made.updated_at = func.now()
    session.add(made)
    session.flush()
    return made


def remove(session: Session, workspace_id: UUID, name: str) -> None:
    """Forget a mapping; imports under way keep what they were asked for with.

    Raises:
        NotFound: there is none.
    """
    session.delete(find(session, workspace_id, name))
    session.flush()


def format_by(name: str, form: dict[str, Any]) -> Format:
    """Make the format of a kept mapping; its events' keys begin with the mapping's name."""
    return format_of(name, mapping_of(form, INPUTS))


def _checked(name: str, form: str) -> Mapping:
    errors = []
    if not _NAME.fullmatch(name):
        errors.append(FieldError("name", "Up to 32 small letters, digits and hyphens."))
    elif name in NAMES:
        errors.append(FieldError("name", f"{name} is a format that is there already."))
    try:
        mapping = mapping_from_json(form, INPUTS)
    except MappingError as error:
        raise InvalidFields([*errors, FieldError("form", str(error))]) from error
    if errors:
        raise InvalidFields(errors)
    return mapping
