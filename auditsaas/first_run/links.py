"""The link that sets an installation up: one at a time, good once and for a day.

It is made where no account exists, and opens nothing once one does: neither an installation that is
in use nor one that was restored from a backup ever gets one.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import exists, func, literal, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from auditsaas import own_actions, tokens
from auditsaas.accounts.models import User
from auditsaas.db.ids import new_id
from auditsaas.errors import Conflict, NotFound
from auditsaas.events.schema import ActorInput
from auditsaas.first_run.models import SetupLink
from auditsaas.own_activities import Activity
from auditsaas.workspaces.service import system_workspace

GOOD_FOR: Final = timedelta(hours=24)

OVER = (
    "This link opens nothing: it is older than a day, or a newer one was made."
    " On the server, run: auditsaas welcome"
)
SET_UP = "This installation is set up. Sign in, or ask one of its super-admins to let you in."
HAS_PEOPLE = (
    "This installation has people. Make one of them a super-admin: auditsaas user promote EMAIL"
)
NEVER_GIVEN = b"\0" * 32


@dataclass(frozen=True)
class NewLink:
    """A link with its token, which is kept nowhere."""

    token: str
    expires_at: datetime

    @property
    def path(self) -> str:
        return f"/welcome/{self.token}"


def nobody_yet(session: Session) -> bool:
    """Tell whether no person has an account."""
    return not session.scalar(select(exists().select_from(User)))


def offer(session: Session, by: ActorInput) -> NewLink | None:
    """Make the first link of an installation without people; None where one was made before.

    Of several processes that begin together, one makes it.
    """
    token = tokens.new()
    made = session.scalar(_made(token).on_conflict_do_nothing().returning(SetupLink.expires_at))
    return None if made is None else _recorded(session, by, NewLink(token, made))


def renew(session: Session, by: ActorInput, **metadata: str) -> NewLink:
    """Make another link; the one before opens nothing any more.

    Raises:
        Conflict: an account exists.
    """
    token = tokens.new()
    statement = _made(token)
    new = {each.name: each for each in statement.excluded if each.name != "id"}
    renewed = statement.on_conflict_do_update(index_elements=[SetupLink.id], set_=new)
    made = session.scalar(renewed.returning(SetupLink.expires_at))
    if made is None:
        raise Conflict(HAS_PEOPLE)
    return _recorded(session, by, NewLink(token, made), **metadata)


def find(session: Session, token: str) -> datetime:
    """Return until when a link is good.

    Raises:
        NotFound: it opens nothing; it says why, as far as strangers may know.
    """
    link = session.scalar(select(SetupLink).where(SetupLink.expires_at > func.now()))
    kept = NEVER_GIVEN if link is None else link.token_hash
    fits = hmac.compare_digest(kept, tokens.digest(token))
    if not nobody_yet(session):
        raise NotFound(SET_UP)
    if link is None or not fits:
        raise NotFound(OVER)
    return link.expires_at


def make_super_admin(
    session: Session, token: str, *, email: str, name: str, password_hash: str
) -> User:
    """Use a link up and make the first super-admin; two at once take turns, and one of them wins.

    Raises:
        NotFound: the link opens nothing; another may just have used it.
    """
    user_id: UUID = new_id()
    made = func.make_first_super_admin(tokens.digest(token), user_id, email, name, password_hash)
    if not session.scalar(select(made)):
        raise NotFound(OVER if nobody_yet(session) else SET_UP)
    return session.get_one(User, user_id)


def _made(token: str) -> Insert:
    """Build the statement that keeps a link, where no account exists."""
    row = select(literal(1), literal(tokens.digest(token)), func.now(), func.now() + GOOD_FOR)
    columns = [SetupLink.id, SetupLink.token_hash, SetupLink.made_at, SetupLink.expires_at]
    return insert(SetupLink).from_select(columns, row.where(~exists().select_from(User)))


def _recorded(session: Session, by: ActorInput, link: NewLink, **metadata: str) -> NewLink:
    own_actions.record(
        session,
        Activity.INSTALLATION_LINK,
        workspaces=[system_workspace(session).id],
        actor=by,
        metadata={"expires_at": link.expires_at.isoformat(), **metadata},
    )
    return link
