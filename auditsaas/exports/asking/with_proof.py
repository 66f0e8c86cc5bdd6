"""Plans an export with proof before it is asked for: what it covers, and what it cannot show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.errors import DomainError
from auditsaas.events.filter.as_written import as_written
from auditsaas.events.filter.canonical import reaches
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages
from auditsaas.evidence.bundles.numbers import first_number, refuse_too_many
from auditsaas.evidence.bundles.question import provable, question
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import SealState
from auditsaas.workspaces.models import Workspace

BEHIND: Final = timedelta(minutes=10)
"""A log that is behind for longer is refused at once; one that catches up is waited for."""


class NoProof(DomainError):
    """No proof can be made of what was asked for."""

    status = 422
    title = "No proof is made of this"


@dataclass(frozen=True, kw_only=True)
class ProofPlan:
    """A proof as it would be made now."""

    event_filter: EventFilter
    """The filter in its one spelling, with people as events name them."""
    first: int
    last: int
    unproven: tuple[str, ...]
    """What of the filter the proof cannot answer, in words."""

    @property
    def numbers(self) -> int:
        return self.last - self.first + 1


def meant(
    session: Session,
    workspaces: Sequence[UUID],
    event_filter: EventFilter,
    *,
    through_platform: bool = False,
) -> EventFilter:
    """Return a filter as a proof means it: in its one spelling, people as events name them.

    Raises:
        NoProof: it is of several logs, or leaves the one out.
    """
    if through_platform:
        raise NoProof(
            "An export across workspaces carries no proof. An admin of the workspace can ask for"
            " one with proof."
        )
    if len(workspaces) != 1:
        raise NoProof("A proof is of the log of one workspace. Choose one workspace.")
    slug = session.scalar(select(Workspace.slug).where(Workspace.id == workspaces[0]))
    if not reaches(event_filter, slug or ""):
        raise NoProof("The search leaves this workspace out, so there is nothing to prove.")
    return as_written(session, workspaces[0], provable(event_filter))


def plan(
    session: Session,
    workspaces: Sequence[UUID],
    event_filter: EventFilter,
    *,
    through_platform: bool = False,
    may_wait: bool = False,
) -> ProofPlan:
    """Plan the proof of what a filter matches now.

    With ``may_wait``, also of a log that is not sealed now: the build finds out.

    Raises:
        NoProof: it is of several logs, of an empty one, or of one that is not sealed.
        TooManyNumbers: it would cover more numbers than a proof may.
    """
    found = meant(session, workspaces, event_filter, through_platform=through_platform)
    last = pages.heads(session, workspaces).get(workspaces[0], 0)
    if last == 0:
        raise NoProof("This log has no event yet, so there is nothing to prove.")
    if not may_wait:
        _refuse_unsealed(checkpoints.state(session, workspaces[0]))
    first = first_number(session, workspaces[0], last, found.period.start)
    refuse_too_many(first, last)
    unproven = question(found).unproven
    return ProofPlan(event_filter=found, first=first, last=last, unproven=unproven)


def _refuse_unsealed(state: SealState) -> None:
    if state.state != "growing":
        raise NoProof(f"This log is not being sealed. {state.reason or ''}".strip())
    if state.lag_since is not None and state.lag_since < datetime.now(UTC) - BEHIND:
        raise NoProof(
            f"This log is sealed up to event {state.size:,} of {state.log_seq:,}. Ask for a proof"
            " once all of it is sealed."
        )
