"""Imports of files as the command line does them, and their dry runs."""

from __future__ import annotations

from pathlib import Path

from auditsaas import own_actions
from auditsaas.events.importers.lines import open_source
from auditsaas.imports.expired import Expired
from auditsaas.imports.load import import_source
from auditsaas.imports.outcome import Outcome
from auditsaas.imports.preview import preview
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
