"""Removes, disables and demotes members; the last other admin only after the delay.

With one admin gone no other would see what the one who is left asks for. So an admin who is alone
but for one other cannot shut that one out at once; leaving oneself, and shutting out others, is.
"""

from __future__ import annotations

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
    if not _is_last_other_admin(session, actor, user_id):
        members.remove(session, actor, user_id)
        return None
    return _ask(session, actor, user_id, {"act": REMOVE}, "is removed, the last other admin", rules)


def disable(
    session: Session, actor: ActingMember, user_id: UUID, rules: Rules
) -> PendingChange | None:
    """Shut a member out; return the change that waits instead, where it is the last other admin.

    Raises:
        NotFound, Conflict: as ``members.disable`` does.
    """
    if not _is_last_other_admin(session, actor, user_id):
        members.disable(session, actor, user_id)
        return None
    words = "is shut out, the last other admin"
    return _ask(session, actor, user_id, {"act": DISABLE}, words, rules)


def change_role(
    session: Session, actor: ActingMember, user_id: UUID, role: Role, rules: Rules
) -> PendingChange | None:
    """Give a member another role; return the change that waits instead, for the last other admin.

    Raises:
        NotFound, Conflict: as ``members.change_role`` does.
    """
    if role is Role.ADMIN or not _is_last_other_admin(session, actor, user_id):
        members.change_role(session, actor, user_id, role)
        return None
    wanted = {"act": CHANGE_ROLE, "role": role.value}
    words = f"is made {role.value}, the last other admin"
    return _ask(session, actor, user_id, wanted, words, rules)


def _is_last_other_admin(session: Session, actor: ActingMember, user_id: UUID) -> bool:
    members.lock_people(session, actor.workspace_id)
    others = set(active_admins(session, actor.workspace_id)) - {actor.user_id}
    return others == {user_id}


def _ask(
    session: Session,
    actor: ActingMember,
    user_id: UUID,
    wanted: dict[str, Any],
    words: str,
    rules: Rules,
) -> PendingChange:
    name = session.get_one(User, user_id).name
    asked = Asked(
        kind=LAST_OTHER_ADMIN, subject=str(user_id), wanted=wanted, words=f"{name} {words}"
    )
    return service.ask(session, actor, asked, rules)


def _apply(session: Session, actor: ActingMember, change: PendingChange) -> None:
    user_id, wanted = UUID(change.subject), change.wanted
    if user_id not in active_admins(session, change.workspace_id):
        raise Conflict("Who it was about is no longer an admin.")
    if wanted["act"] == REMOVE:
        members.remove(session, actor, user_id)
    elif wanted["act"] == DISABLE:
        members.disable(session, actor, user_id)
    else:
        members.change_role(session, actor, user_id, Role(wanted["role"]))


LAST_OTHER_ADMIN = ChangeKind("last_other_admin.remove", apply=_apply)
