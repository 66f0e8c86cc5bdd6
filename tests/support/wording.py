"""Makes the dictionary of words as its worker does, at once."""

from __future__ import annotations

from auditsaas.events.words import comparing, growing
from auditsaas.events.words.growing import Grown
from auditsaas.workspaces.models import Workspace
from tests.support.factories import OwnerSessions, scoped


def word(workspace: Workspace) -> Grown:
    """Take the words of all the workspace's events into its dictionary."""
    with OwnerSessions() as session:
        grown = growing.grow(session, workspace.id)
    assert grown is not None
    assert grown.ended
    return grown


def exact(workspace: Workspace) -> bool:
    """Tell whether the dictionary is what the log's events make, signatures too."""
    with scoped(workspace.id) as session:
        words_to = comparing.words_to(session, workspace.id)
        return not list(comparing.differences(session, workspace.id, words_to))
