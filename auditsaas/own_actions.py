"""The product's own actions, appended to the log like any other event."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import structs
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.events import system_log
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.schema import ActorInput, EventInput, TargetInput
from auditsaas.events.writing.append import append
from auditsaas.events.writing.outcome import Difference, by_kind
from auditsaas.own_activities import ACTIVITIES, LASTING, Activity
from auditsaas.text import as_storable

MAX_PATH = 4096
MAX_USER_AGENT = 2048
NAMED_CONFLICTS = 500
"""The most conflicting ids that an event names; all are counted."""
HASHED_CONFLICTS = 25
"""Of how many of them an event gives the hashes of both contents."""


WITHHELD = "withheld"
"""The key of an event's metadata that names the facts which its log is not told."""
PLACE: Final = ("ip", "user_agent")
"""The facts that tell where a person is."""

COPY_OF = "copy_of"
"""The key of a copy's metadata that names the workspace whose log has the event itself."""


@dataclass(frozen=True, kw_only=True)
class RequestFacts:
    """The facts of a web request that its events record."""

    method: str
    path: str
    ip: str | None
    user_agent: str | None
    request_id: str
    started: float
    """``time.perf_counter()`` when the request began."""

    took_ms: float | None = None
    """How long it took, of one that is told of later."""

    def duration_ms(self) -> float:
        if self.took_ms is not None:
            return self.took_ms
        return round((time.perf_counter() - self.started) * 1000, 3)


def without_token(facts: RequestFacts) -> RequestFacts:
    """Remove a secret from the path of a request's facts, which no log may keep."""
    return replace(facts, path="/".join([*facts.path.split("/")[:2], "…"]))


def person(
    user_id: UUID, *, name: str, email: str, status: Literal["active", "disabled"] = "active"
) -> ActorInput:
    """Build the actor of a person with an account; the role is filled in for each workspace."""
    return ActorInput(id=str(user_id), name=name, email=email, status=status)


def application(key_id: UUID | None, *, name: str) -> ActorInput:
    """Build the actor of an application of the workspace, by its API key."""
    return ActorInput(id=f"api_key:{key_id}", name=name)


def schedule(schedule_id: UUID, *, name: str) -> ActorInput:
    """Build the actor of a schedule that acts by itself."""
    return ActorInput(id=f"schedule:{schedule_id}", name=name)


def installation(brand: str) -> ActorInput:
    """Build the actor of what the product does by itself."""
    return ActorInput(id="system", name=brand)


@dataclass(frozen=True, kw_only=True)
class Operator:
    """An operator at the command line."""

    account: str
    """Their account on the machine."""
    command: str

    @property
    def actor(self) -> ActorInput:
        return operator(self.account)

    @property
    def metadata(self) -> dict[str, Any]:
        """The facts that each event of a command records."""
        return {"command": self.command}


def operator(account: str) -> ActorInput:
    """Build the actor of a command line, by its user's account on the machine."""
    return ActorInput(id=f"operator:{account}"[:256], name=account[:256] or None)


def record(
    session: Session,
    activity: Activity | str,
    *,
    workspaces: Iterable[UUID] | Mapping[UUID, str | None],
    actor: ActorInput,
    status: Literal["success", "error"] = "success",
    facts: RequestFacts | None = None,
    status_code: int | None = None,
    targets: Sequence[TargetInput] = (),
    changes: dict[str, list[Any]] | None = None,
    metadata: dict[str, Any] | None = None,
    copied: bool | None = None,
    placeless: Collection[UUID] = (),
    occurred_at: datetime | None = None,
) -> None:
    """Append one event to the log of each workspace, in the session's transaction.

    The session's scope must hold every workspace. ``workspaces`` may map each to the actor's role
    there. ``facts`` and ``status_code`` are those of the web request, if there is one; workspaces
    that are ``placeless`` are not told where it came from. What lasts is also copied to the log of
    the installation, unless ``copied`` says otherwise.

    Raises:
        ValueError: the activity is not in ``ACTIVITIES``, or never has this status.
    """
    activity = Activity(activity)
    if status not in ACTIVITIES[activity].statuses:
        raise ValueError(f"{activity} is never {status}")
    event = EventInput(
        activity=activity.value,
        status=status,
        actor=actor,
        status_code=status_code,
        targets=list(targets) or None,
        changes=changes,
        metadata=metadata,
        occurred_at=occurred_at,
        **_told_by(facts),
    )
    roles = workspaces if isinstance(workspaces, Mapping) else dict.fromkeys(workspaces)
    # Appending locks each log's head until the commit; one order for all prevents deadlocks.
    for workspace_id in sorted(roles):
        role = roles[workspace_id]
        told = _without_place(event) if workspace_id in placeless else event
        if role:
            told = structs.replace(told, actor=structs.replace(actor, role=role))
        append(session, workspace_id, [told], source=PRODUCT)
    if copied or (copied is None and activity in LASTING):
        _tell_installation(session, event, roles)


def _tell_installation(
    session: Session, event: EventInput, roles: Mapping[UUID, str | None]
) -> None:
    """Append a copy for each workspace to the log of the installation, which no tenant reaches.

    It comes last: the head that all workspaces share is locked when no other is waited for.
    """
    tenants = sorted(set(roles) - {system_log.SYSTEM_WORKSPACE_ID})
    if not tenants:
        return
    before = system_log.admit(session, system_log.SYSTEM_WORKSPACE_ID)
    system_log.ensure(session)
    copies = [
        structs.replace(
            event,
            actor=structs.replace(event.actor, role=roles[tenant]),
            metadata={**(event.metadata or {}), COPY_OF: system_log.name_of(session, tenant)},
        )
        for tenant in tenants
    ]
    append(session, system_log.SYSTEM_WORKSPACE_ID, copies, source=PRODUCT)
    tenancy.bind(before, session)


def record_differences(
    session: Session,
    workspace_id: UUID,
    differences: Iterable[Difference],
    *,
    actor: ActorInput,
    conflicts: int | None = None,
    contested: int | None = None,
    facts: RequestFacts | None = None,
    targets: Sequence[TargetInput] = (),
) -> None:
    """Append one ``event.conflict`` and one ``event.contested`` for a request or a file, as needed.

    Each holds the ids, and of the first the hashes of both contents. ``conflicts`` and
    ``contested`` are their numbers, where ``differences`` are only the first. These events have no
    key of their own, so they cannot themselves be in conflict.
    """
    in_conflict, beside = by_kind(differences)
    kinds: list[tuple[Activity, str, int | None, list[Difference], Literal["success", "error"]]]
    kinds = [
        (Activity.EVENT_CONFLICT, "conflicts", conflicts, in_conflict, "error"),
        (Activity.EVENT_CONTESTED, "contested", contested, beside, "success"),
    ]
    for activity, name, number, found, status in kinds:
        if not found:
            continue
        metadata: dict[str, Any] = {
            name: len(found) if number is None else number,
            "ids": list(dict.fromkeys(str(each.id) for each in found))[:NAMED_CONFLICTS],
            "contents": [_contents(each) for each in found[:HASHED_CONFLICTS]],
        }
        record(
            session,
            activity,
            workspaces=[workspace_id],
            actor=actor,
            status=status,
            facts=facts,
            targets=targets,
            metadata=metadata,
        )


def _without_place(event: EventInput) -> EventInput:
    """Remove where the person was, and say that it was removed."""
    metadata = {**(event.metadata or {}), WITHHELD: list(PLACE)}
    return structs.replace(event, metadata=metadata, **dict.fromkeys(PLACE))


def _contents(difference: Difference) -> dict[str, str]:
    both = {
        "id": str(difference.id),
        "standing": difference.standing,
        "given": difference.given,
    }
    return both if difference.beside is None else both | {"beside": str(difference.beside)}


def _told_by(facts: RequestFacts | None) -> dict[str, Any]:
    if facts is None:
        return {}
    return {
        "method": facts.method,
        "path": _fitting(facts.path, MAX_PATH),
        "ip": facts.ip,
        "user_agent": _fitting(facts.user_agent or "", MAX_USER_AGENT) or None,
        "request_id": facts.request_id,
        "duration_ms": facts.duration_ms(),
    }


def _fitting(text: str, limit: int) -> str:
    """Make ``text`` storable in PostgreSQL, within the contract's length."""
    return as_storable(text[:limit])
