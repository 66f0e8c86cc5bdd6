"""Kinds of pending changes.

A kind says how a change is made once its time has come, and which of two requests takes more away.
Who asks, the delay, the approval, the mails, the page and the events are the same for all. A
feature whose deeds cannot be undone (deleting a stream, say) makes a ``ChangeKind``, asks by
``service.ask`` where it would act, and enters the kind in ``tasks/pending_changes.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from auditsaas.pending_changes.models import PendingChange
from auditsaas.workspaces.acting_member import ActingMember

Wanted = Mapping[str, Any]


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


Kinds = Mapping[str, ChangeKind]
