"""Says before an export with proof what the proof would cover, and what it could not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.errors import DomainError
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import totals
from auditsaas.events.reading.totals import Count
from auditsaas.exports.asking import with_proof
from auditsaas.exports.asking.with_proof import ProofPlan


@dataclass(frozen=True, kw_only=True)
class ProofEstimate:
    """A proof before it is asked for; ``refusal`` says why none would be made."""

    event_filter: EventFilter
    """The filter as the proof means it, whose rows are counted."""
    plan: ProofPlan | None = None
    refusal: str | None = None
    rows_now: Count | None = None
    """What matches where people are meant as they are now; None where the filter names none."""


def estimate_proof(
    session: Session,
    workspaces: Sequence[UUID],
    event_filter: EventFilter,
    *,
    through_platform: bool = False,
) -> ProofEstimate:
    """Estimate the proof of what a filter matches now."""
    try:
        plan = with_proof.plan(session, workspaces, event_filter, through_platform=through_platform)
    except DomainError as error:
        return ProofEstimate(event_filter=event_filter, refusal=str(error))
    rows = totals.count(session, workspaces, event_filter) if event_filter.names_actors else None
    return ProofEstimate(event_filter=plan.event_filter, plan=plan, rows_now=rows)
