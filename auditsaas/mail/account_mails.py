"""Account mails (invitation, reset, password changed), queued in the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.formatting import times
from auditsaas.formatting.viewer import DEFAULT
from auditsaas.mail import outbox
from config.secret_keys import SecretKeys


def invitation(
    session: Session,
    keys: SecretKeys,
    *,
    tenant: UUID,
    to: str,
    token: str,
    workspace: str,
    inviter: str,
    role: str,
    expires_at: datetime,
) -> None:
    """Queue an invitation; the session's scope must hold the workspace."""
    context = {
        "workspace": workspace,
        "inviter": inviter,
        "role": role,
        "until": times.stamp(expires_at, DEFAULT),
    }
    mail = outbox.put_to_address(session, to, "invitation", context, tenant=tenant)
    outbox.seal_link(session, mail, keys, f"/invitations/{token}")


def password_reset(session: Session, keys: SecretKeys, user_id: UUID, *, token: str) -> UUID:
    """Queue a reset link and return the mail's id; the session's scope must be the person's."""
    mail = outbox.put(session, user_id, "password_reset", {})
    outbox.seal_link(session, mail, keys, f"/password-reset/{token}")
    return mail.id


def password_changed(session: Session, user_id: UUID) -> None:
    """Queue word of a changed password; the session's scope must be the person's."""
    outbox.put(session, user_id, "password_changed", {"url": "/password-reset"})
