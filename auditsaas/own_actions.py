"""The product's own actions, appended to the log like any other event."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from msgspec import structs
from sqlalchemy.orm import Session

from auditsaas import system_log
from auditsaas.db import tenancy
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.schema import ActorInput, EventInput, TargetInput
from auditsaas.events.writing.append import append
from auditsaas.events.writing.outcome import Difference, by_kind
from auditsaas.text import storable

MAX_PATH = 4096
MAX_USER_AGENT = 2048
NAMED_CONFLICTS = 500
"""The most conflicting ids that an event names; all are counted."""
HASHED_CONFLICTS = 25
"""Of how many of them an event gives the hashes of both contents."""


class Activity(StrEnum):
    USER_LOGIN = "user.login"
    USER_LOGOUT = "user.logout"
    EVENT_CONFLICT = "event.conflict"
    EVENT_CONTESTED = "event.contested"
    LOG_IMPORT = "log.import"
    IMPORT_REQUESTED = "import.requested"
    IMPORT_CANCELLED = "import.cancelled"
    MAPPING_SAVE = "mapping.save"
    MAPPING_REMOVE = "mapping.remove"
    EXPORT_REQUESTED = "export.requested"
    EXPORT_COMPLETED = "export.completed"
    EXPORT_FAILED = "export.failed"
    EXPORT_DOWNLOADED = "export.downloaded"
    EXPORT_CANCELLED = "export.cancelled"
    SCHEDULE_CREATE = "schedule.create"
    SCHEDULE_UPDATE = "schedule.update"
    SCHEDULE_PAUSE = "schedule.pause"
    SCHEDULE_RESUME = "schedule.resume"
    SCHEDULE_DELETE = "schedule.delete"
    SCHEDULE_RUN = "schedule.run"
    VIEW_SAVE = "view.save"
    VIEW_REMOVE = "view.remove"
    MEMBER_INVITE = "member.invite"
    MEMBER_JOIN = "member.join"
    MEMBER_ROLE_UPDATE = "member.role_update"
    MEMBER_DISABLE = "member.disable"
    MEMBER_ENABLE = "member.enable"
    MEMBER_REMOVE = "member.remove"
    INVITATION_RESEND = "invitation.resend"
    INVITATION_REVOKE = "invitation.revoke"
    API_KEY_CREATE = "api_key.create"
    API_KEY_REVOKE = "api_key.revoke"
    WORKSPACE_UPDATE = "workspace.update"
    CHANGE_REQUEST = "change.request"
    CHANGE_APPROVE = "change.approve"
    CHANGE_CANCEL = "change.cancel"
    CHANGE_APPLY = "change.apply"
    USER_CONFIRM = "user.confirm"
    USER_UPDATE = "user.update"
    USER_PASSWORD_CHANGE = "user.password_change"
    USER_PASSWORD_RESET_REQUEST = "user.password_reset_request"
    USER_PASSWORD_RESET = "user.password_reset"
    USER_SESSION_END = "user.session_end"
    USER_SECOND_FACTOR_ENABLE = "user.second_factor_enable"
    USER_SECOND_FACTOR_DISABLE = "user.second_factor_disable"
    USER_RECOVERY_CODES_RENEW = "user.recovery_codes_renew"
    USER_PASSKEY_ADD = "user.passkey_add"
    USER_PASSKEY_REMOVE = "user.passkey_remove"
    WORKSPACE_CREATE = "workspace.create"
    WORKSPACE_SUSPEND = "workspace.suspend"
    WORKSPACE_RESUME = "workspace.resume"
    USER_DISABLE = "user.disable"
    USER_ENABLE = "user.enable"
    PLATFORM_ACCESS = "platform.access"
    PLATFORM_VIEW = "platform.view"
    PLATFORM_REQUEST = "platform.request"
    PLATFORM_APPROVE = "platform.approve"
    PLATFORM_DECLINE = "platform.decline"
    PLATFORM_BREAK_GLASS = "platform.break_glass"
    RETENTION_APPLY = "retention.apply"
    LOG_READ = "log.read"


@dataclass(frozen=True)
class ActivityKind:
    """An activity's meaning and its possible statuses."""

    description: str
    statuses: frozenset[str]


SUCCESS = frozenset({"success"})
ERROR = frozenset({"error"})

ACTIVITIES: dict[Activity, ActivityKind] = {
    Activity.USER_LOGIN: ActivityKind("A person signed in, or tried to", SUCCESS | ERROR),
    Activity.USER_LOGOUT: ActivityKind("A person signed out", SUCCESS),
    Activity.EVENT_CONFLICT: ActivityKind(
        "A sender gave other content under its own event's key, which was not stored", ERROR
    ),
    Activity.EVENT_CONTESTED: ActivityKind(
        "Events of other senders were stored beside others of their keys and other content",
        SUCCESS,
    ),
    Activity.LOG_IMPORT: ActivityKind("Log files were imported", SUCCESS | ERROR),
    Activity.IMPORT_REQUESTED: ActivityKind("An admin uploaded a file to be imported", SUCCESS),
    Activity.IMPORT_CANCELLED: ActivityKind("An admin cancelled an import", SUCCESS),
    Activity.MAPPING_SAVE: ActivityKind("An admin saved a mapping of imported files", SUCCESS),
    Activity.MAPPING_REMOVE: ActivityKind("An admin removed a mapping of imported files", SUCCESS),
    Activity.EXPORT_REQUESTED: ActivityKind("A person asked for an export", SUCCESS),
    Activity.EXPORT_COMPLETED: ActivityKind("An export is ready to download", SUCCESS),
    Activity.EXPORT_FAILED: ActivityKind("An export could not be built", ERROR),
    Activity.EXPORT_DOWNLOADED: ActivityKind("A person downloaded an export", SUCCESS | ERROR),
    Activity.EXPORT_CANCELLED: ActivityKind("A person cancelled an export", SUCCESS),
    Activity.SCHEDULE_CREATE: ActivityKind("A person scheduled an export", SUCCESS),
    Activity.SCHEDULE_UPDATE: ActivityKind("A person changed a schedule", SUCCESS),
    Activity.SCHEDULE_PAUSE: ActivityKind(
        "A person paused a schedule, or it could not go on", SUCCESS | ERROR
    ),
    Activity.SCHEDULE_RESUME: ActivityKind("A person let a schedule go on", SUCCESS),
    Activity.SCHEDULE_DELETE: ActivityKind("A person deleted a schedule", SUCCESS),
    Activity.SCHEDULE_RUN: ActivityKind(
        "A schedule sent its report, or a person asked for an extra one", SUCCESS | ERROR
    ),
    Activity.VIEW_SAVE: ActivityKind("A person saved a filter of the log", SUCCESS),
    Activity.VIEW_REMOVE: ActivityKind("A person removed a saved filter", SUCCESS),
    Activity.MEMBER_INVITE: ActivityKind("An admin invited a person", SUCCESS),
    Activity.MEMBER_JOIN: ActivityKind("A person accepted an invitation", SUCCESS),
    Activity.MEMBER_ROLE_UPDATE: ActivityKind("An admin changed a member's role", SUCCESS),
    Activity.MEMBER_DISABLE: ActivityKind("An admin shut a member out", SUCCESS),
    Activity.MEMBER_ENABLE: ActivityKind("An admin let a member in again", SUCCESS),
    Activity.MEMBER_REMOVE: ActivityKind("An admin removed a member, or one left", SUCCESS),
    Activity.INVITATION_RESEND: ActivityKind("An admin sent an invitation again", SUCCESS),
    Activity.INVITATION_REVOKE: ActivityKind("An admin revoked an invitation", SUCCESS),
    Activity.API_KEY_CREATE: ActivityKind("An admin made an API key", SUCCESS),
    Activity.API_KEY_REVOKE: ActivityKind("An admin revoked an API key", SUCCESS),
    Activity.WORKSPACE_UPDATE: ActivityKind("An admin changed the workspace's settings", SUCCESS),
    Activity.CHANGE_REQUEST: ActivityKind(
        "An admin asked for a change that cannot be undone, which waits", SUCCESS
    ),
    Activity.CHANGE_APPROVE: ActivityKind("Another admin approved a change that waits", SUCCESS),
    Activity.CHANGE_CANCEL: ActivityKind("A change that waited was cancelled", SUCCESS),
    Activity.CHANGE_APPLY: ActivityKind("A change took effect after its delay", SUCCESS),
    Activity.USER_CONFIRM: ActivityKind(
        "A person was asked again who they are, and confirmed it, or could not", SUCCESS | ERROR
    ),
    Activity.USER_UPDATE: ActivityKind(
        "A person changed their name, how pages read to them, or which mails they get", SUCCESS
    ),
    Activity.USER_PASSWORD_CHANGE: ActivityKind("A person changed their password", SUCCESS | ERROR),
    Activity.USER_PASSWORD_RESET_REQUEST: ActivityKind(
        "Somebody asked for a link to choose a new password", SUCCESS
    ),
    Activity.USER_PASSWORD_RESET: ActivityKind("A person chose a new password by link", SUCCESS),
    Activity.USER_SESSION_END: ActivityKind("A person ended sessions of theirs", SUCCESS),
    Activity.USER_SECOND_FACTOR_ENABLE: ActivityKind("A person set up a second factor", SUCCESS),
    Activity.USER_SECOND_FACTOR_DISABLE: ActivityKind(
        "A person gave up their second factor", SUCCESS | ERROR
    ),
    Activity.USER_RECOVERY_CODES_RENEW: ActivityKind("A person made new recovery codes", SUCCESS),
    Activity.USER_PASSKEY_ADD: ActivityKind("A person added a passkey", SUCCESS),
    Activity.USER_PASSKEY_REMOVE: ActivityKind("A person removed a passkey", SUCCESS),
    Activity.WORKSPACE_CREATE: ActivityKind("A super-admin created the workspace", SUCCESS),
    Activity.WORKSPACE_SUSPEND: ActivityKind("A super-admin suspended the workspace", SUCCESS),
    Activity.WORKSPACE_RESUME: ActivityKind("A super-admin resumed the workspace", SUCCESS),
    Activity.USER_DISABLE: ActivityKind("A super-admin shut a person out everywhere", SUCCESS),
    Activity.USER_ENABLE: ActivityKind("A super-admin let a person in again", SUCCESS),
    Activity.PLATFORM_ACCESS: ActivityKind(
        "A super-admin looked into the workspace's log, and said why", SUCCESS
    ),
    Activity.PLATFORM_VIEW: ActivityKind(
        "A super-admin opened a page that tells of every workspace", SUCCESS
    ),
    Activity.PLATFORM_REQUEST: ActivityKind(
        "A super-admin asked to look into a workspace that approves it first", SUCCESS
    ),
    Activity.PLATFORM_APPROVE: ActivityKind("An admin let a super-admin look", SUCCESS),
    Activity.PLATFORM_DECLINE: ActivityKind(
        "An admin refused a super-admin, or ended their access", SUCCESS
    ),
    Activity.PLATFORM_BREAK_GLASS: ActivityKind(
        "A second super-admin opened the workspace without its approval", SUCCESS
    ),
    Activity.RETENTION_APPLY: ActivityKind("Events past the retention were removed", SUCCESS),
    Activity.LOG_READ: ActivityKind("A person or a key read the log", SUCCESS),
}


LASTING_FAMILIES = frozenset(
    {"api_key", "change", "invitation", "member", "platform", "retention", "workspace"}
)
LASTING = frozenset(one for one in Activity if one.partition(".")[0] in LASTING_FAMILIES) | {
    Activity.USER_DISABLE,
    Activity.USER_ENABLE,
}
"""What outlives a workspace's retention, and is also told in the log of the installation: who
changed settings, people and keys, what was removed, and who looked in from outside."""


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

    def duration_ms(self) -> float:
        return round((time.perf_counter() - self.started) * 1000, 3)


def without_token(facts: RequestFacts) -> RequestFacts:
    """Remove a secret from the path of a request's facts, which no log may keep."""
    return replace(facts, path=facts.path.rpartition("/")[0] + "/…")


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
    copied: bool = True,
) -> None:
    """Append one event to the log of each workspace, in the session's transaction.

    The session's scope must hold every workspace. ``workspaces`` may map each to the actor's role
    there. ``facts`` and ``status_code`` are those of the web request, if there is one. What lasts
    is also copied to the log of the installation, unless that is kept elsewhere (``copied``).

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
        **_told_by(facts),
    )
    roles = workspaces if isinstance(workspaces, Mapping) else dict.fromkeys(workspaces)
    # Appending locks each log's head until the commit; one order for all prevents deadlocks.
    for workspace_id in sorted(roles):
        role = roles[workspace_id]
        append(
            session,
            workspace_id,
            [structs.replace(event, actor=structs.replace(actor, role=role)) if role else event],
            source=PRODUCT,
        )
    if copied and activity in LASTING:
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
    text = text[:limit]
    if storable(text):
        return text
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
