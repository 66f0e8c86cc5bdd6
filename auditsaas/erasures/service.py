"""Asks for erasures, confirms and cancels them; how they wait is ``pending_changes``' to say.

The person is named in the request's own row alone, and there until their words are erased: events,
mails and pages tell of a pseudonym.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from auditsaas.erasures import parts, persons, pseudonyms
from auditsaas.erasures.models import requests
from auditsaas.erasures.persons import Person
from auditsaas.errors import Conflict, FieldError, Invalid, InvalidFields, NotFound
from auditsaas.pending_changes import service as changes
from auditsaas.pending_changes.kinds import ERASE, ChangeKind
from auditsaas.pending_changes.models import PendingChange
from auditsaas.pending_changes.rules import Rules
from auditsaas.pending_changes.service import Asked
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.members import active_admins
from auditsaas.workspaces.models import Workspace
from config.secret_keys import SecretKeys

HELD: Final = "A legal hold forbids it: nothing is taken out of this log until the hold is lifted."
ALONE: Final = "Invite another admin first: a second one has to confirm it."


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """A request for an erasure, and the change that waits for it."""

    change: PendingChange
    request: Row[Any]

    @property
    def parts(self) -> Sequence[parts.Part]:
        return parts.of_slots(self.request.slots)


def ask(
    session: Session,
    actor: ActingMember,
    typed: str,
    names: Iterable[str],
    reason: str,
    rules: Rules,
    keys: SecretKeys,
) -> PendingChange:
    """Let the erasure of a person's words wait for another admin, and tell the admins.

    Raises:
        InvalidFields: there is no such person, nothing was chosen, or the reason is missing, too
            long, or names them.
        Conflict: a legal hold forbids it, there is no other admin, or one of more parts waits.
    """
    forbid(session, actor.workspace_id)
    if len(active_admins(session, actor.workspace_id)) < 2:
        raise Conflict(ALONE)
    chosen = parts.of_names(names)
    if not chosen:
        raise InvalidFields([FieldError("parts", "Choose what is erased.")])
    person = persons.find(session, actor.workspace_id, typed)
    reason = _checked_reason(reason, person)
    pseudonym = pseudonyms.of_person(session, actor.workspace_id, person.id, keys)
    noun = "event" if person.events == 1 else "events"
    wanted = {"slots": sorted(part.slot for part in chosen)}
    asked = Asked(
        kind=PERSON,
        subject=pseudonym,
        wanted=wanted,
        words=f"{_capital(parts.listed(chosen))} of {pseudonym} erased from"
        f" {person.events:,} {noun}",
    )
    change = changes.ask(session, actor, asked, rules, reason)
    if found(session, actor.workspace_id, change.id) is None:
        _keep(session, change, person, wanted["slots"])
    return change


def confirm(
    session: Session, actor: ActingMember, change_id: UUID, typed: str, rules: Rules
) -> PendingChange:
    """Confirm another admin's request, by the number of its events; it still waits for its time.

    Raises:
        NotFound: the workspace has no such request.
        Invalid: another number was typed.
        Conflict: a legal hold forbids it, it no longer waits, is one's own, or one is a new admin.
    """
    erasure = get(session, actor.workspace_id, change_id)
    forbid(session, actor.workspace_id)
    if typed.strip().replace(",", "") != str(erasure.request.events):
        raise Invalid(f"Type the number of events: {erasure.request.events:,}.")
    return changes.approve(session, actor, change_id, rules, kind=ERASE)


def cancel(session: Session, actor: ActingMember, change_id: UUID) -> PendingChange:
    """Cancel a request that waits; any admin may.

    Raises:
        NotFound: the workspace has no such request.
        Conflict: it no longer waits.
    """
    get(session, actor.workspace_id, change_id)
    return changes.cancel(session, actor, change_id)


def get(session: Session, workspace_id: UUID, change_id: UUID) -> Erasure:
    """Read one request of a workspace.

    Raises:
        NotFound: it has none of this id.
    """
    request = found(session, workspace_id, change_id)
    change = session.get(PendingChange, (workspace_id, change_id), populate_existing=True)
    if request is None or change is None:
        raise NotFound("There is no such erasure here.")
    return Erasure(change=change, request=request)


def newest(session: Session, workspace_id: UUID, limit: int) -> Sequence[Erasure]:
    """List the requests of a workspace, newest first."""
    theirs = select(requests).where(requests.c.workspace_id == workspace_id)
    rows = session.execute(theirs.order_by(requests.c.id.desc()).limit(limit)).all()
    ids = [row.id for row in rows]
    known = session.scalars(
        select(PendingChange).where(
            PendingChange.workspace_id == workspace_id, PendingChange.id.in_(ids)
        )
    )
    by_id = {change.id: change for change in known}
    return [Erasure(change=by_id[row.id], request=row) for row in rows]


def found(session: Session, workspace_id: UUID, change_id: UUID) -> Row[Any] | None:
    """Find the row of a request."""
    return session.execute(
        select(requests).where(requests.c.workspace_id == workspace_id, requests.c.id == change_id)
    ).one_or_none()


def forbid(session: Session, workspace_id: UUID) -> None:
    """Raise Conflict where a legal hold keeps everything."""
    workspace = session.get_one(Workspace, workspace_id, populate_existing=True)
    if workspace.legal_hold:
        raise Conflict(HELD)


def _apply(session: Session, _: ActingMember, change: PendingChange) -> None:
    # The owner of the tables does it, once it finds this change in effect.
    forbid(session, change.workspace_id)


def _takes_more(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return set(new["slots"]) > set(old["slots"])


PERSON: Final = ChangeKind(
    ERASE, apply=_apply, takes_more=_takes_more, needs_second=True, goes_on=True
)


def _keep(session: Session, change: PendingChange, person: Person, slots: list[int]) -> None:
    session.execute(
        insert(requests).values(
            workspace_id=change.workspace_id,
            id=change.id,
            person=person.id,
            pseudonym=change.subject,
            slots=slots,
            events=person.events,
            up_to=person.up_to,
            sample=person.sample,
        )
    )


def _checked_reason(reason: str, person: Person) -> str:
    reason = changes.checked_reason(reason)
    if not reason:
        raise InvalidFields([FieldError("reason", "Give a reason, such as the number of a case.")])
    named = [word for word in (person.id, person.name, person.email) if word]
    if any(word.casefold() in reason.casefold() for word in named):
        words = "This names the person, and stays in the log. Name a case instead."
        raise InvalidFields([FieldError("reason", words)])
    return reason


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
