"""Kinds of pending changes.

A kind says how a change is made once its time has come, and which of two requests takes more away.
Who asks, the delay, the approval, the mails, the page and the events are the same for all. A
feature whose deeds cannot be undone (deleting a stream, say) makes a ``ChangeKind``, asks by
``service.ask`` where it would act, and enters the kind in ``tasks/pending_changes.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from auditsaas.own_activities import Activity
from auditsaas.pending_changes.models import PendingChange
from auditsaas.workspaces.acting_member import ActingMember

Wanted = Mapping[str, Any]


@dataclass(frozen=True)
class OwnPage:
    """The page of a kind that has one of its own, and the activities that its steps are."""

    path: str
    """Below the workspace's address; the change's id follows."""
    activities: Mapping[Activity, Activity]
    """By those of any other change."""


ERASE: Final = "person.erase"
OWN_PAGES: Final[Mapping[str, OwnPage]] = {
    ERASE: OwnPage(
        "erasures",
        {
            Activity.CHANGE_REQUEST: Activity.ERASURE_REQUEST,
            Activity.CHANGE_APPROVE: Activity.ERASURE_CONFIRM,
            Activity.CHANGE_CANCEL: Activity.ERASURE_CANCEL,
        },
    )
}
"""The kinds that are neither listed nor approved on the page of a workspace's settings."""


def _different(new: Wanted, old: Wanted) -> bool:
    return dict(new) != dict(old)


@dataclass(frozen=True)
class ChangeKind:
    """A kind of change, named ``noun.verb``."""

    name: str
    apply: Callable[[Session, ActingMember, PendingChange], None]
    """Make the change, and record it, on behalf of who asked; raises DomainError where it cannot
    be made any more, which ends it."""
    takes_more: Callable[[Wanted, Wanted], bool] = _different
    """Whether the first takes more away than the second, in whose place it then stands."""
    needs_second: bool = False
    """Whether another admin has to approve it in every workspace."""
    goes_on: bool = False
    """Whether another worker does it once its time has come, and then records and tells it."""


Kinds = Mapping[str, ChangeKind]
