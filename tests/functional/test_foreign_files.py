"""Files of foreign services, imported whole: each of their records is stored, refused or there.

Our own small files always, and those of the shared folder where there is one.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from sqlalchemy import func, select

from auditsaas import own_actions
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import open_source
from auditsaas.events.importers.mapping.checking import mapping_of
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.parsing import format_of
from auditsaas.events.models import events
from auditsaas.imports.load import import_source
from auditsaas.imports.outcome import Outcome
from auditsaas.workspaces.models import Workspace
from tests.support.counting import records_in
from tests.support.factories import make_workspace, scoped

OWN = Path(__file__).parents[1] / "fixtures" / "importers" / "presets"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "shapes"
FILES = sorted(
    path
    for folder in (OWN, SHARED)
    if folder.is_dir()
    for path in folder.iterdir()
    if path.suffix != ".md" and not path.name.endswith(".events.json")
)
GENERIC = {
    "input": "csv",
    "fields": {
        "occurred_at": "time",
        "activity": "user.{action}",
        "actor.id": "user",
        "ip": "ip",
        "status": {"path": "result", "values": {"ok": "success"}, "otherwise": "error"},
    },
}
"""A mapping for a table of an unknown service."""


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def imported(workspace: Workspace, path: Path) -> Outcome:
    wanted: str | Format = "auto"
    if path.name == "generic.csv":
        wanted = format_of("generic", mapping_of(GENERIC, INPUTS))
    with scoped(workspace.id) as session, open_source(str(path)) as source:
        here = session.merge(workspace)
        actor = own_actions.operator("test")
        return import_source(session, here, source, wanted, actor=actor, zone=UTC)


def stored(workspace: Workspace) -> int:
    """Events of the log that are not the product's own."""
    with scoped(workspace.id) as session:
        foreign = events.c.activity.not_in(["log.import", "event.conflict"])
        return session.scalar(select(func.count()).select_from(events).where(foreign)) or 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_record_of_a_file_is_stored_refused_or_a_duplicate(
    workspace: Workspace, path: Path
) -> None:
    outcome = imported(workspace, path)
    assert all(line.reason for line in outcome.first_refused)
    told = outcome.added + outcome.already_there + outcome.refused + outcome.conflicts
    assert told == records_in(path)
    assert stored(workspace) == outcome.added > 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_imported_again_adds_nothing(workspace: Workspace, path: Path) -> None:
    before = imported(workspace, path)
    again = imported(workspace, path)
    assert (again.added, again.conflicts) == (0, before.conflicts)
    assert stored(workspace) == before.added
