"""Invitations: a link by e-mail, good once and for seven days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas import own_actions, tokens
from auditsaas.accounts import attempts
from auditsaas.accounts.attempts import Standing
from auditsaas.accounts.models import User
from auditsaas.accounts.service import find_by_email, normal_email
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict, Gone, Invalid, NotFound, TooOften
from auditsaas.events.schema import TargetInput
from auditsaas.own_actions import RequestFacts, without_token
from auditsaas.own_activities import Activity
from auditsaas.permissions import Role
from auditsaas.workspaces.account_events import actor_of
from auditsaas.workspaces.acting_member import SEE_OTHER, ActingMember
from auditsaas.workspaces.members import lock_people, target
from auditsaas.workspaces.models import Invitation, InvitationLookup, Membership, Workspace
from auditsaas.workspaces.service import add_member

GOOD_FOR = timedelta(days=7)


@dataclass(frozen=True)
class Sent:
    """An invitation with the token of its link, which is kept nowhere."""

    invitation: Invitation
    token: str


@dataclass(frozen=True)
class Found:
    """An invitation that a link opens, with its workspace bound as the scope."""

    invitation: Invitation
    workspace: Workspace


def open_invitations(session: Session, workspace_id: UUID) -> Sequence[tuple[Invitation, User]]:
    """List invitations neither accepted nor revoked, even expired, with sender, by address."""
    rows = session.execute(
        select(Invitation, User)
        .join(User, User.id == Invitation.invited_by)
        .where(
            Invitation.workspace_id == workspace_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .order_by(Invitation.email)
    )
    return [(invitation, inviter) for invitation, inviter in rows]


def invite(
    session: Session, actor: ActingMember, email: str, role: Role, token: str | None = None
) -> Sent:
    """Ask a person to join; by a random token, or one that must be as hard to guess.

    Raises:
        Invalid: that is no address.
        Conflict: they are a member, or invited already.
        TooOften: the address, or the workspace, had as many invitations as it may.
    """
    address = normal_email(email)
    if address is None:
        raise Invalid("That is not an email address.")
    member = exists().where(
        Membership.workspace_id == actor.workspace_id, Membership.user_id == User.id
    )
    if session.scalar(select(User.id).where(User.email == address, member)) is not None:
        raise Conflict(f"{address} is a member already.")
    token, token_hash = _new_token(session, actor.workspace_id, token)
    invitation = Invitation(
        workspace_id=actor.workspace_id,
        email=address,
        role=role.value,
        token_hash=token_hash,
        invited_by=actor.user_id,
        expires_at=datetime.now(UTC) + GOOD_FOR,
    )
    try:
        with session.begin_nested():
            session.add(invitation)
    except IntegrityError as error:
        raise Conflict(f"{address} is invited already. Resend that invitation.") from error
    _count_mail(session, invitation)
    actor.record(
        session,
        Activity.MEMBER_INVITE,
        targets=[_target(invitation)],
        changes={"role": [None, role.value]},
        status_code=200,  # the page that shows the link
    )
    return Sent(invitation, token)


def resend(
    session: Session, actor: ActingMember, invitation_id: UUID, token: str | None = None
) -> Sent:
    """Send a new link for seven more days; the one before opens nothing any more.

    Raises:
        NotFound: no invitation with the id is open.
        TooOften: the address, or the workspace, had as many invitations as it may.
    """
    invitation = _open_by_id(session, actor.workspace_id, invitation_id)
    _count_mail(session, invitation)
    before = invitation.expires_at
    token, invitation.token_hash = _new_token(session, actor.workspace_id, token)
    invitation.expires_at = datetime.now(UTC) + GOOD_FOR
    actor.record(
        session,
        Activity.INVITATION_RESEND,
        targets=[_target(invitation)],
        changes={"expires_at": [before.isoformat(), invitation.expires_at.isoformat()]},
        status_code=200,
    )
    return Sent(invitation, token)


def revoke(session: Session, actor: ActingMember, invitation_id: UUID) -> None:
    """End an invitation.

    Raises:
        NotFound: no invitation with the id is open.
    """
    invitation = _open_by_id(session, actor.workspace_id, invitation_id)
    invitation.revoked_at = datetime.now(UTC)
    actor.record(
        session,
        Activity.INVITATION_REVOKE,
        targets=[_target(invitation)],
        changes={"role": [invitation.role, None]},
    )


def find(session: Session, token: str, *, for_update: bool = False) -> Found:
    """Find the invitation of a link, and bind the scope to its workspace.

    Raises:
        NotFound: the link was never given out, or a newer one was.
        Gone: it was used, revoked, or has expired.
    """
    token_hash = tokens.digest(token)
    known = session.get(InvitationLookup, token_hash) if tokens.well_formed(token) else None
    if known is None:
        raise NotFound("This link was not given out by us. Open it from the email as it is.")
    tenancy.bind(Scope.of(known.tenant), session)
    if for_update:
        lock_people(session, known.tenant)
    invitation = session.scalar(
        select(Invitation)
        .where(Invitation.workspace_id == known.tenant, Invitation.token_hash == token_hash)
        .execution_options(populate_existing=True)
    )
    if invitation is None:
        raise Gone("A newer invitation was sent to you. Open the link in that email.")
    if invitation.accepted_at is not None:
        raise Gone("This invitation was used already. Sign in to go on.")
    if invitation.revoked_at is not None:
        raise Gone("This invitation was revoked. Ask an admin of the workspace for another.")
    if invitation.expires_at <= datetime.now(UTC):
        raise Gone("This invitation has expired. Ask an admin of the workspace to resend it.")
    return Found(invitation, session.get_one(Workspace, known.tenant))


def made_before(session: Session, workspace_id: UUID, given: Iterable[str]) -> Sent | None:
    """Find the open invitation that was made with one of these tokens."""
    hashes = {tokens.digest(token): token for token in given}
    found = session.scalar(
        select(Invitation).where(
            Invitation.workspace_id == workspace_id, Invitation.token_hash.in_(hashes)
        )
    )
    return None if found is None else Sent(found, hashes[found.token_hash])


def accept(session: Session, found: Found, user: User, facts: RequestFacts) -> None:
    """Make ``user``, who has the invited address, a member; ``found`` was found for update.

    Raises:
        Conflict: the invitation is another person's, or they are a member already.
    """
    invitation = found.invitation
    if user.email != invitation.email:
        raise Conflict(f"This invitation is for {invitation.email}.")
    membership = add_member(session, invitation.workspace_id, user.id, Role(invitation.role))
    invitation.accepted_at, invitation.accepted_by = datetime.now(UTC), user.id
    own_actions.record(
        session,
        Activity.MEMBER_JOIN,
        workspaces={invitation.workspace_id: membership.role},
        actor=actor_of(user),
        facts=without_token(facts),
        status_code=SEE_OTHER,
        targets=[target(user)],
        changes={"role": [None, membership.role]},
    )


def invited_person(session: Session, invitation: Invitation) -> User | None:
    """Find the account with the invited address, if any."""
    return find_by_email(session, invitation.email)


def _open_by_id(session: Session, workspace_id: UUID, invitation_id: UUID) -> Invitation:
    lock_people(session, workspace_id)
    found = session.scalar(
        select(Invitation).where(
            Invitation.workspace_id == workspace_id,
            Invitation.id == invitation_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
    )
    if found is None:
        raise NotFound("There is no such open invitation here.")
    return found


def _count_mail(session: Session, invitation: Invitation) -> None:
    """Count one mail, in the transaction that sends it, so that none counts that is not sent."""
    workspace = str(invitation.workspace_id)
    to_address = f"{workspace}:{invitation.email}"
    standing = attempts.count(session, attempts.INVITATIONS, to_address)
    if standing.paused:
        most = attempts.INVITATIONS.most
        words = f"{invitation.email} was sent {most} invitations within an hour."
        raise TooOften(f"{words} {_later(standing)}", standing.seconds)
    standing = attempts.count(session, attempts.WORKSPACE_INVITATIONS, workspace)
    if standing.paused:
        most = attempts.WORKSPACE_INVITATIONS.most
        words = f"This workspace sent {most} invitations within a day."
        raise TooOften(f"{words} {_later(standing)}", standing.seconds)


def _later(standing: Standing) -> str:
    minutes = -(-standing.seconds // 60)
    if minutes > 120:
        return f"Try again in {-(-minutes // 60)} hours."
    return f"Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def _new_token(session: Session, workspace_id: UUID, token: str | None) -> tuple[str, bytes]:
    token = token or tokens.new()
    token_hash = tokens.digest(token)
    session.add(InvitationLookup(token_hash=token_hash, tenant=workspace_id))
    return token, token_hash


def _target(invitation: Invitation) -> TargetInput:
    return TargetInput(type="invitation", id=str(invitation.id), name=invitation.email)
