"""Records what a member changes in a workspace in the log of that workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.own_actions import Operator, RequestFacts
from auditsaas.own_activities import Activity

SEE_OTHER = 303


@dataclass(frozen=True, kw_only=True)
class ActingMember:
    """The member who acts in a workspace, with their role and the request."""

    workspace_id: UUID
    user_id: UUID
    actor: ActorInput
    role: str
    facts: RequestFacts | None
    """Those of the request; none where a worker acts on the member's behalf."""
    metadata: Mapping[str, Any] | None = None
    """What each event of theirs records beside its own."""

    def record(
        self,
        session: Session,
        activity: Activity,
        *,
        targets: Sequence[TargetInput] = (),
        status: Literal["success", "error"] = "success",
        status_code: int = SEE_OTHER,
        changes: Mapping[str, list[Any]] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Record the action in the workspace's log, in the session's transaction."""
        own_actions.record(
            session,
            activity,
            workspaces={self.workspace_id: self.role or None},
            actor=self.actor,
            status=status,
            facts=self.facts,
            status_code=status_code if self.facts else None,
            targets=targets,
            changes=dict(changes) if changes else None,
            metadata={**(self.metadata or {}), **(metadata or {})} or None,
        )


NO_MEMBER: Final = UUID(int=0)


def acting_operator(workspace_id: UUID, operator: Operator) -> ActingMember:
    """Build who acts where an operator does, who is no member and has no account."""
    return ActingMember(
        workspace_id=workspace_id,
        user_id=NO_MEMBER,
        actor=operator.actor,
        role="",
        facts=None,
        metadata=operator.metadata,
    )
