"""Removes, disables and demotes members; the last other admin only after the delay.

With one admin gone no other would see what the one who is left asks for. So an admin who is alone
but for one other cannot shut that one out at once; leaving oneself, and shutting out others, is.
Admins made within the delay are no others: they may be accounts of who made them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.errors import Conflict
from auditsaas.pending_changes import service
from auditsaas.pending_changes.kinds import ChangeKind
from auditsaas.pending_changes.models import PendingChange
from auditsaas.pending_changes.rules import Rules
from auditsaas.pending_changes.service import Asked
from auditsaas.permissions import Role
from auditsaas.workspaces import members
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.members import active_admins

REMOVE, DISABLE, CHANGE_ROLE = "remove", "disable", "role"


def remove(
    session: Session, actor: ActingMember, user_id: UUID, rules: Rules
) -> PendingChange | None:
    """End a membership; return the change that waits instead, where it is the last other admin's.

    Raises:
        NotFound, Conflict: as ``members.remove`` does.
    """
    return _now_or_later(session, actor, user_id, {"act": REMOVE}, "is removed", rules)


def disable(
    session: Session, actor: ActingMember, user_id: UUID, rules: Rules
) -> PendingChange | None:
    """Shut a member out; return the change that waits instead, where it is the last other admin.

    Raises:
        NotFound, Conflict: as ``members.disable`` does.
    """
    return _now_or_later(session, actor, user_id, {"act": DISABLE}, "is shut out", rules)


def change_role(
    session: Session, actor: ActingMember, user_id: UUID, role: Role, rules: Rules
) -> PendingChange | None:
    """Give a member another role; return the change that waits instead, for the last other admin.

    Raises:
        NotFound, Conflict: as ``members.change_role`` does.
    """
    wanted = {"act": CHANGE_ROLE, "role": role.value}
    return _now_or_later(session, actor, user_id, wanted, f"is made {role.value}", rules)


def _now_or_later(
    session: Session,
    actor: ActingMember,
    user_id: UUID,
    wanted: dict[str, Any],
    words: str,
    rules: Rules,
) -> PendingChange | None:
    """Do it now, or ask for it where it would leave the actor alone among the admins."""
    stays = wanted.get("role") == Role.ADMIN.value
    last = None if stays else _as_last(session, actor, user_id, rules)
    if last is None:
        _do(session, actor, user_id, wanted)
        return None
    name = session.get_one(User, user_id).name
    asked = Asked(
        kind=LAST_OTHER_ADMIN,
        subject=str(user_id),
        wanted=wanted,
        words=f"{name} {words}, {last}",
    )
    return service.ask(session, actor, asked, rules)


def _as_last(session: Session, actor: ActingMember, user_id: UUID, rules: Rules) -> str | None:
    """Word as what an admin is the last; None where another stays beside the actor.

    Another is one who has been an admin for as long, or for the delay.
    """
    members.lock_people(session, actor.workspace_id)
    others = members.admins_since(session, actor.workspace_id)
    others.pop(actor.user_id, None)
    if user_id not in others:
        return None
    before = service.now_of(session, actor.workspace_id) - rules.delay
    enough = max(others.pop(user_id), before)
    if any(since <= enough for since in others.values()):
        return None
    return "the last other admin but for new ones" if others else "the last other admin"


def _apply(session: Session, actor: ActingMember, change: PendingChange) -> None:
    user_id = UUID(change.subject)
    if user_id not in active_admins(session, change.workspace_id):
        raise Conflict("Who it was about is no longer an admin.")
    _do(session, actor, user_id, change.wanted)


def _do(session: Session, actor: ActingMember, user_id: UUID, wanted: Mapping[str, Any]) -> None:
    if wanted["act"] == REMOVE:
        members.remove(session, actor, user_id)
    elif wanted["act"] == DISABLE:
        members.disable(session, actor, user_id)
    else:
        members.change_role(session, actor, user_id, Role(wanted["role"]))


LAST_OTHER_ADMIN = ChangeKind("last_other_admin.remove", apply=_apply)
