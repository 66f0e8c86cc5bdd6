"""The activities of the product's own, as data: what each means, and which of them last."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    VIEW_SHARE = "view.share"
    VIEW_UPDATE = "view.update"
    VIEW_UNSHARE = "view.unshare"
    VIEW_REMOVE = "view.remove"
    MEMBER_INVITE = "member.invite"
    MEMBER_JOIN = "member.join"
    MEMBER_ADD = "member.add"
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
    USER_CREATE = "user.create"
    USER_PROMOTE = "user.promote"
    USER_DEMOTE = "user.demote"
    USER_DISABLE = "user.disable"
    USER_ENABLE = "user.enable"
    PLATFORM_ACCESS = "platform.access"
    PLATFORM_VIEW = "platform.view"
    PLATFORM_REQUEST = "platform.request"
    PLATFORM_APPROVE = "platform.approve"
    PLATFORM_DECLINE = "platform.decline"
    PLATFORM_BREAK_GLASS = "platform.break_glass"
    SECRET_ROTATE = "secret.rotate"
    INSTALLATION_LINK = "installation.link"
    INSTALLATION_SET_UP = "installation.set_up"
    RETENTION_APPLY = "retention.apply"
    ERASURE_REQUEST = "erasure.request"
    ERASURE_CONFIRM = "erasure.confirm"
    ERASURE_CANCEL = "erasure.cancel"
    ERASURE_APPLY = "erasure.apply"
    ANCHOR_ADD = "anchor.add"
    ANCHOR_REMOVE = "anchor.remove"
    ANCHOR_MADE = "anchor.made"
    ANCHOR_FAILED = "anchor.failed"
    ANCHOR_HOLD = "anchor.hold"
    WITNESS_ADD_LOG = "witness.add_log"
    WITNESS_REMOVE_LOG = "witness.remove_log"
    LOG_RESTORE = "log.restore"
    LOG_READ = "log.read"
    TREE_KEY_CREATE = "tree.key_create"
    TREE_KEY_ROTATE = "tree.key_rotate"
    TREE_BEGIN_ANEW = "tree.begin_anew"
    TREE_MISMATCH = "tree.mismatch"
    TREE_CHECK = "tree.check"
    TREE_ACKNOWLEDGE = "tree.acknowledge"
    TREE_WITNESS_ADD = "tree.witness_add"
    TREE_WITNESS_REMOVE = "tree.witness_remove"


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
    Activity.VIEW_SHARE: ActivityKind("An admin shared a saved filter", SUCCESS),
    Activity.VIEW_UPDATE: ActivityKind("A person changed a shared filter", SUCCESS),
    Activity.VIEW_UNSHARE: ActivityKind("A person stopped sharing a filter", SUCCESS),
    Activity.VIEW_REMOVE: ActivityKind("A person removed a saved filter", SUCCESS),
    Activity.MEMBER_INVITE: ActivityKind("An admin invited a person", SUCCESS),
    Activity.MEMBER_JOIN: ActivityKind("A person accepted an invitation", SUCCESS),
    Activity.MEMBER_ADD: ActivityKind("An operator made a person a member", SUCCESS),
    Activity.MEMBER_ROLE_UPDATE: ActivityKind("An admin changed a member's role", SUCCESS),
    Activity.MEMBER_DISABLE: ActivityKind("An admin shut a member out", SUCCESS),
    Activity.MEMBER_ENABLE: ActivityKind("An admin let a member in again", SUCCESS),
    Activity.MEMBER_REMOVE: ActivityKind("An admin removed a member, or one left", SUCCESS),
    Activity.INVITATION_RESEND: ActivityKind("An admin sent an invitation again", SUCCESS),
    Activity.INVITATION_REVOKE: ActivityKind("An admin revoked an invitation", SUCCESS),
    Activity.API_KEY_CREATE: ActivityKind("An admin made an API key", SUCCESS),
    Activity.API_KEY_REVOKE: ActivityKind("An admin revoked an API key", SUCCESS),
    Activity.WORKSPACE_UPDATE: ActivityKind(
        "An admin changed the workspace's settings, or wanted a slug that is taken", SUCCESS | ERROR
    ),
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
    Activity.USER_CREATE: ActivityKind("An operator made an account for a person", SUCCESS),
    Activity.USER_PROMOTE: ActivityKind("An operator made a person a super-admin", SUCCESS),
    Activity.USER_DEMOTE: ActivityKind("An operator made a super-admin one no longer", SUCCESS),
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
    Activity.INSTALLATION_LINK: ActivityKind(
        "The link was made that sets the installation up", SUCCESS
    ),
    Activity.INSTALLATION_SET_UP: ActivityKind(
        "The first super-admin set the installation up by its link", SUCCESS
    ),
    Activity.SECRET_ROTATE: ActivityKind(
        "An operator sealed what is kept secret under a new key", SUCCESS
    ),
    Activity.RETENTION_APPLY: ActivityKind("Events past the retention were removed", SUCCESS),
    Activity.ERASURE_REQUEST: ActivityKind(
        "An admin asked for the erasure of a person's words from events, which waits", SUCCESS
    ),
    Activity.ERASURE_CONFIRM: ActivityKind("Another admin confirmed an erasure", SUCCESS),
    Activity.ERASURE_CANCEL: ActivityKind("An erasure that waited was cancelled", SUCCESS),
    Activity.ERASURE_APPLY: ActivityKind("A person's words were erased from events", SUCCESS),
    Activity.LOG_RESTORE: ActivityKind(
        "An operator brought the log back from a backup, and began an epoch of its numbers", SUCCESS
    ),
    Activity.LOG_READ: ActivityKind("A person or a key read the log", SUCCESS),
    Activity.TREE_KEY_CREATE: ActivityKind(
        "The log got the key that signs its checkpoints from now on", SUCCESS
    ),
    Activity.TREE_KEY_ROTATE: ActivityKind(
        "An operator gave the log another key, which its checkpoints carry beside the old", SUCCESS
    ),
    Activity.TREE_BEGIN_ANEW: ActivityKind(
        "An operator closed the sealed log, and began another over the same events", SUCCESS
    ),
    Activity.TREE_MISMATCH: ActivityKind("The log is not what was sealed", ERROR),
    Activity.TREE_CHECK: ActivityKind("All of the log was to be compared with its seal", SUCCESS),
    Activity.TREE_ACKNOWLEDGE: ActivityKind(
        "A difference between the log and its seal was acknowledged, with a reason", SUCCESS
    ),
    Activity.TREE_WITNESS_ADD: ActivityKind(
        "Another party is asked to cosign the log's checkpoints", SUCCESS
    ),
    Activity.TREE_WITNESS_REMOVE: ActivityKind(
        "A witness is asked no more; what it signed stays", SUCCESS
    ),
    Activity.ANCHOR_ADD: ActivityKind(
        "Checkpoints of the log are kept at another place from now on", SUCCESS
    ),
    Activity.ANCHOR_REMOVE: ActivityKind(
        "Checkpoints are kept at a place no more; those that are there stay", SUCCESS
    ),
    Activity.ANCHOR_MADE: ActivityKind("A checkpoint of the log is kept elsewhere", SUCCESS),
    Activity.ANCHOR_FAILED: ActivityKind("A checkpoint could not be kept elsewhere", ERROR),
    Activity.ANCHOR_HOLD: ActivityKind("The log holds a checkpoint of another log", SUCCESS),
    Activity.WITNESS_ADD_LOG: ActivityKind(
        "An operator has this installation cosign a log of others", SUCCESS
    ),
    Activity.WITNESS_REMOVE_LOG: ActivityKind(
        "An operator has this installation no longer cosign a log of others", SUCCESS
    ),
}


LASTING_FAMILIES = frozenset(
    {
        *("api_key", "change", "erasure", "invitation", "member", "platform", "retention", "tree"),
        "workspace",
    }
)
LASTING = frozenset(one for one in Activity if one.partition(".")[0] in LASTING_FAMILIES) | {
    Activity.USER_CREATE,
    Activity.USER_PROMOTE,
    Activity.USER_DEMOTE,
    Activity.USER_DISABLE,
    Activity.USER_ENABLE,
}
"""What outlives a workspace's retention, and is also told in the log of the installation: who
changed settings, people and keys, what was removed, and who looked in from outside."""
