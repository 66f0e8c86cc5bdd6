"""Presents where an event came from, as the drawer and the event's page tell it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.events.event_sources import CLI, PRODUCT
from auditsaas.events.presenter import EventRow
from auditsaas.formatting.visible_text import visible
from auditsaas.imports.models import Import
from auditsaas.pages.audit_log.event.details import Detail, filter_queries
from auditsaas.workspaces.models import ApiKey

GONE = "no longer kept"
OF_PRODUCT = "Nothing here comes from a sender."
OF_ACCOUNT = (
    "Nothing here comes from a sender. What concerns a person’s account is recorded once in each of"
    " their workspaces."
)
OF_KEY = (
    "{} states the actor, address and time of the event. The product states the key, the number and"
    " the time received."
)
OF_IMPORT = "The file states all of it. The product states who brought the file, and when."
OF_CLI = "The file states all of it; who brought it is beside the import in the log."
UNRECORDED = "It was stored before sources were recorded, and none is guessed."


@dataclass(frozen=True)
class SourceDetails:
    """Lines about the source, and who states what of the event."""

    lines: list[Detail]
    note: str


def describe_source(session: Session, row: EventRow, query: str = "") -> SourceDetails:
    """Describe an event's source with the name of its key or import.

    ``query`` is the list's filter, which the include and exclude links extend.
    """
    if row.source is None:
        return SourceDetails([Detail("Source", "Not recorded")], UNRECORDED)
    only, without = filter_queries(query, "source", row.source)
    if row.source == PRODUCT:
        line = Detail("Recorded by", "The product itself", "as it happened", "", only, without)
        of_account = row.activity.startswith("user.")
        return SourceDetails([line], OF_ACCOUNT if of_account else OF_PRODUCT)
    if row.source == CLI:
        line = Detail("Imported by", "Command line", "", "", only, without)
        return SourceDetails([line], OF_CLI)
    kind, _, text = row.source.partition(":")
    of_kind = _of_key if kind == "api" else _of_import
    return of_kind(session, row.workspace_id, UUID(text), only, without)


def _of_key(
    session: Session, workspace_id: UUID, key_id: UUID, only: str, without: str
) -> SourceDetails:
    name = session.scalar(
        select(ApiKey.name).where(ApiKey.workspace_id == workspace_id, ApiKey.id == key_id)
    )
    shown = visible(name) if name else "A key"
    lines = [
        Detail("Sent by", shown, "API key" if name else GONE, shown, only, without),
        Detail("Key", str(key_id), "", str(key_id), mono=True),
    ]
    return SourceDetails(lines, OF_KEY.format(shown))


def _of_import(
    session: Session, workspace_id: UUID, import_id: UUID, only: str, without: str
) -> SourceDetails:
    found = session.execute(
        select(Import.name, User.name.label("person"))
        .join(User, User.id == Import.requested_by)
        .where(Import.workspace_id == workspace_id, Import.id == import_id)
    ).one_or_none()
    if found is None:
        line = Detail("Imported by", "A person", GONE, str(import_id), only, without)
        return SourceDetails([line], OF_IMPORT)
    person, file = visible(found.person), visible(found.name)
    lines = [
        Detail("Imported by", person, "import", person, only, without),
        Detail("File", file, "", file),
        Detail("Import", str(import_id), "", str(import_id), mono=True),
    ]
    return SourceDetails(lines, OF_IMPORT)
