"""Builds the blocks of columns of a log as its worker does, at once."""

from __future__ import annotations

from auditsaas.events.columns import building
from auditsaas.events.columns.building import Built
from auditsaas.workspaces.models import Workspace
from tests.support.factories import OwnerSessions


def build(workspace: Workspace, least: int = 1) -> Built:
    """Build blocks of all the workspace's events but fewer than ``least``."""
    with OwnerSessions() as session:
        built = building.build(session, workspace.id, least=least)
    assert built is not None
    assert built.behind < least
    return built
