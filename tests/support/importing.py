"""Imports as the command line does them and as people ask for them, and their dry runs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events.importers.lines import open_source
from auditsaas.extensions import Base
from auditsaas.imports import service
from auditsaas.imports.expired import Expired
from auditsaas.imports.load import import_source
from auditsaas.imports.outcome import Outcome
from auditsaas.imports.preview import preview
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from tests.support.factories import scoped


def run(acme: Workspace, path: Path, expired: Expired = Expired.REFUSE) -> Outcome:
    with scoped(acme.id) as session, open_source(str(path)) as source:
        found = session.get_one(Workspace, acme.id)
        actor = own_actions.operator("ann")
        return import_source(session, found, source, "auto", actor=actor, expired=expired)


def look(acme: Workspace, path: Path, expired: Expired = Expired.REFUSE) -> Outcome:
    with scoped(acme.id) as session, open_source(str(path)) as source:
        found = session.get_one(Workspace, acme.id)
        return preview(session, found, source, "auto", expired=expired).outcome


def counts(outcome: Outcome) -> tuple[int, int, int, int]:
    return outcome.added, outcome.already_there, outcome.refused, outcome.conflicts


def ask_for_import(app: Flask, person: User, workspace: Workspace, content: bytes) -> UUID:
    """Upload a file and commit, without telling any worker; the id of its import."""
    with scoped(workspace.id, user=person.id) as session:
        made = service.request(
            session,
            storage_at(app.extensions["settings"].storage_url),
            workspace_id=workspace.id,
            person_id=person.id,
            name="access.log",
            content=io.BytesIO(content),
            format="auto",
            time_zone=None,
        )
        session.commit()
        return made.id


def import_row(app: Flask, import_id: UUID) -> Any:
    """Read an import's row, of any workspace."""
    table = Base.metadata.tables["imports"]
    with app.app_context(), platform_session(JOBS) as session:
        return session.execute(table.select().where(table.c.id == import_id)).one()
