"""Makes the dictionary of words as its worker does, at once."""

from __future__ import annotations

from auditsaas.events.words import growing
from auditsaas.events.words.growing import Grown
from auditsaas.workspaces.models import Workspace
from tests.support.factories import OwnerSessions


def word(workspace: Workspace) -> Grown:
    """Take the words of all the workspace's events into its dictionary."""
    with OwnerSessions() as session:
        grown = growing.grow(session, workspace.id)
    assert grown is not None
    assert grown.ended
    return grown
