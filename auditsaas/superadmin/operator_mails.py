"""Tells admins and super-admins what operators and super-admins gave or took, by bell and by mail.

No choice switches these mails off: what an operator does does not wait, so it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.accounts.service import super_admins
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.notifications.service import notify
from auditsaas.own_actions import Operator
from auditsaas.workspaces.members import active_admins
from auditsaas.workspaces.models import Workspace

KIND = "operator.acted"


def tell_admins(
    session: Session, workspace_id: UUID, by: Operator, words: str, also: User | None = None
) -> Sequence[UUID]:
    """Tell every active admin of a workspace, and one who was; return those who are.

    The scope before is bound again.
    """
    before = session.info.get("scope")
    tenancy.bind(Scope.of(workspace_id), session)
    workspace = session.get_one(Workspace, workspace_id)
    admins = active_admins(session, workspace_id)
    for user_id in dict.fromkeys([*admins, *([also.id] if also else [])]):
        tenancy.bind(Scope.of(workspace_id, user=user_id), session)
        url = f"/w/{workspace.slug}/members"
        _notify(session, user_id, by, words, url=url, place=workspace.name, tenant=workspace_id)
    tenancy.bind(before if isinstance(before, Scope) else Scope(), session)
    return admins


def tell_of_super_admin(
    session: Session, workspace_id: UUID, name: str, words: str, reason: str
) -> None:
    """Tell every active admin of a workspace what a super-admin did in it, and why.

    The scope before is bound again.
    """
    before = session.info.get("scope")
    tenancy.bind(Scope.of(workspace_id), session)
    workspace = session.get_one(Workspace, workspace_id)
    for user_id in active_admins(session, workspace_id):
        tenancy.bind(Scope.of(workspace_id, user=user_id), session)
        notify(
            session,
            user_id,
            kind=KIND,
            title=words,
            body=f"{workspace.name}: by the super-admin {name}. “{reason}”",
            url=f"/w/{workspace.slug}/members",
            tenant=workspace_id,
            facts={"by": name, "command": "", "reason": reason, "place": workspace.name},
            always=True,
        )
    tenancy.bind(before if isinstance(before, Scope) else Scope(), session)


def tell_super_admins(session: Session, by: Operator, words: str) -> None:
    """Tell every active super-admin. The scope before is bound again."""
    before = session.info.get("scope")
    for user_id in super_admins(session, but=()):
        tenancy.bind(Scope(user=user_id), session)
        _notify(session, user_id, by, words, url="/admin/users", place="Every workspace")
    tenancy.bind(before if isinstance(before, Scope) else Scope(), session)


def _notify(
    session: Session,
    user_id: UUID,
    by: Operator,
    words: str,
    *,
    url: str,
    place: str,
    tenant: UUID | None = None,
) -> None:
    facts = {"by": by.account, "command": by.command, "place": place}
    notify(
        session,
        user_id,
        kind=KIND,
        title=words,
        body=f"{place}: by the operator {by.account}, on the command line.",
        url=url,
        tenant=tenant,
        facts=facts,
        always=True,
    )
