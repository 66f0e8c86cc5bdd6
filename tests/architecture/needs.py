"""Permissions that each route needs of its caller: the table that the isolation matrix reads.

A route with a slug needs the permission in that workspace; without one, in any of a person's; below
``/admin`` it needs a super-admin. What a role then may is for ``auditsaas.permissions`` to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from auditsaas.permissions import ApiScope, Permission


@dataclass(frozen=True)
class Need:
    permission: Permission
    others: Permission | None = None
    """The permission also needed where another person made the named thing."""
    makers_only: bool = False
    """Only its maker, whatever their role."""


LOG = Need(Permission.LOG_READ)
MEMBERS = Need(Permission.MEMBER_MANAGE)
KEYS = Need(Permission.API_KEY_MANAGE)
MANAGE = Need(Permission.WORKSPACE_MANAGE)
EXPORT = Need(Permission.EXPORT_CREATE)
EXPORTS_OF_OTHERS = Need(Permission.EXPORT_CREATE, others=Permission.EXPORT_READ_ALL)
VIEWS_OF_OTHERS = Need(Permission.LOG_READ, others=Permission.VIEW_SHARE)
OWN_VIEW = Need(Permission.LOG_READ, makers_only=True)
"""A view over several workspaces."""

WORKSPACE: dict[str, Need] = {
    **dict.fromkeys(("audit_logs.log", "audit_logs.part", "audit_logs.suggest"), LOG),
    **dict.fromkeys(("audit_logs.related", "audit_logs.event_as_super_admin"), LOG),
    **dict.fromkeys(("log_reads.index", "log_reads.of_event"), LOG),
    **dict.fromkeys(("event_proofs.download", "event_proofs.check"), LOG),
    **dict.fromkeys(("integrity.show", "integrity.show_verdict", "integrity.check"), LOG),
    "integrity.compare": LOG,
    **dict.fromkeys(("integrity.checkpoint", "integrity.key_file"), LOG),
    "findings.download": LOG,
    "findings.acknowledge": MANAGE,
    **dict.fromkeys(("saved_views.index", "saved_views.save", "saved_views.arrange"), LOG),
    **dict.fromkeys(("saved_views.copy", "saved_views.hide"), LOG),
    **dict.fromkeys(("saved_views.edit", "saved_views.change"), VIEWS_OF_OTHERS),
    **dict.fromkeys(("saved_views.update", "saved_views.remove"), VIEWS_OF_OTHERS),
    **dict.fromkeys(("members.show", "members.invite_form", "members.invite"), MEMBERS),
    **dict.fromkeys(("members.resend", "members.revoke", "members.change_role"), MEMBERS),
    **dict.fromkeys(("members.disable", "members.enable", "members.remove"), MEMBERS),
    **dict.fromkeys(("api_keys.show", "api_keys.new", "api_keys.create"), KEYS),
    "api_keys.revoke": KEYS,
    **dict.fromkeys(("onboarding.lead_to_log", "onboarding.make_key"), KEYS),
    **dict.fromkeys(("onboarding.first_event", "onboarding.hide_steps"), KEYS),
    **dict.fromkeys(("workspace_settings.show", "workspace_settings.save"), MANAGE),
    "workspace_settings.show_retention": MANAGE,
    "workspace_usage.show": MANAGE,
    "workspace_settings.save_retention": MANAGE,
    "workspace_settings.cancel_change": MANAGE,
    "workspace_settings.approve_change": MANAGE,
    **dict.fromkeys(("workspace_access.show", "workspace_access.approve"), MANAGE),
    "workspace_access.decline": MANAGE,
    **dict.fromkeys(("imports.index", "imports.new", "imports.upload"), MANAGE),
    **dict.fromkeys(("imports.detail", "imports.cancel"), MANAGE),
    **dict.fromkeys(("import_mappings.index", "import_mappings.new"), MANAGE),
    **dict.fromkeys(("import_mappings.edit", "import_mappings.preview"), MANAGE),
    **dict.fromkeys(("import_mappings.save", "import_mappings.remove"), MANAGE),
    **dict.fromkeys(("erasures.index", "erasures.look", "erasures.ask"), MANAGE),
    **dict.fromkeys(("erasures.show", "erasures.confirm", "erasures.cancel"), MANAGE),
    **dict.fromkeys(("exports.index", "exports.before", "exports.ask", "exports.progress"), EXPORT),
    **dict.fromkeys(("exports.detail", "exports.download"), EXPORTS_OF_OTHERS),
    **dict.fromkeys(("exports.download_bundle", "schedules.download_bundle"), EXPORTS_OF_OTHERS),
    **dict.fromkeys(("exports.cancel", "exports.retry"), EXPORTS_OF_OTHERS),
    **dict.fromkeys(("schedules.everywhere", "schedules.choose_workspace"), EXPORT),
    **dict.fromkeys(("schedules.index", "schedules.new", "schedules.create"), EXPORT),
    "schedules.preview": EXPORT,
    "filter_field.refresh": LOG,
    **dict.fromkeys(("schedules.anywhere", "schedules.detail"), EXPORTS_OF_OTHERS),
    **dict.fromkeys(("schedules.edit", "schedules.update", "schedules.pause"), EXPORTS_OF_OTHERS),
    **dict.fromkeys(("schedules.resume", "schedules.delete"), EXPORTS_OF_OTHERS),
    **dict.fromkeys(("schedules.run_now", "schedules.retry_run"), EXPORTS_OF_OTHERS),
    **dict.fromkeys(("schedules.show_run", "schedules.download_run"), EXPORTS_OF_OTHERS),
}

PLATFORM = {
    *("superadmin.home", "superadmin.workspaces", "superadmin.new_workspace"),
    *("superadmin.create_workspace", "superadmin.suspend_workspace"),
    *("superadmin.resume_workspace", "superadmin.users", "superadmin.disable_user"),
    *("superadmin.enable_user", "superadmin.system_state"),
    *("superadmin.ask_reason", "superadmin.give_reason"),
    *("platform_members.new", "platform_members.add"),
    *("access_requests.index", "access_requests.open_without_approval"),
}
"""Super-admins'; besides these, the log and the exports have an address of theirs."""

PERSON = {
    *("account.show", "account.save", "account.choose_columns", "account.activity"),
    *("accounts.choose_theme", "security.show", "security.change_password"),
    *("security.begin_second_factor", "security.confirm_second_factor"),
    *("security.remove_second_factor", "security.renew_recovery_codes"),
    *("security.list_sessions", "security.end_session"),
    *("passkeys.registration_options", "passkeys.register", "passkeys.remove"),
    *("confirmation.show", "confirmation.confirm", "confirmation.passkey_options"),
    *("notifications.index", "notifications.count", "notifications.read"),
    *("notifications.choose_mails", "go_to.show", "go_to.found"),
}
"""Everybody's who is signed in, about themselves."""

MINE = {"account.my_event", "notifications.read_one", "notifications.kept_mail"}
"""Likewise, of one thing that is theirs."""

OPEN = {
    "static",
    *("witness.add_checkpoint", "witness.checkpoint"),
    *("health.alive", "health.ready", "health.metrics", "api_docs.show", "api.openapi_document"),
    *("accounts.home", "accounts.sign_in_page", "accounts.sign_in", "accounts.sign_out"),
    *("accounts.second_factor_page", "accounts.give_second_factor"),
    *("passkeys.sign_in", "passkeys.sign_in_options"),
    *("password_reset.ask_page", "password_reset.ask"),
    *("password_reset.show", "password_reset.choose"),
    *("invitations.show", "invitations.accept"),
    *("welcome.show", "welcome.ready", "welcome.set_up"),
    "verifier.download",
}
"""Answered to everybody: they hold nothing of a workspace, or ask for a secret themselves."""

KEY: dict[str, frozenset[ApiScope]] = {
    "api.post_events": frozenset({ApiScope.EVENTS_WRITE}),
    "api.post_logs": frozenset({ApiScope.EVENTS_WRITE}),
    "api.list_events": frozenset({ApiScope.EVENTS_READ}),
    "api.get_event": frozenset({ApiScope.EVENTS_READ}),
    "api.get_event_proof": frozenset({ApiScope.EVENTS_READ}),
    "api.get_tree": frozenset({ApiScope.EVENTS_READ}),
    "api.get_consistency": frozenset({ApiScope.EVENTS_READ}),
    "api.list_tree_keys": frozenset({ApiScope.EVENTS_READ}),
    "api.follow_events": frozenset({ApiScope.EVENTS_READ}),
    "api.post_export": frozenset({ApiScope.EXPORTS, ApiScope.EVENTS_READ}),
    "api.get_export": frozenset({ApiScope.EXPORTS, ApiScope.EVENTS_READ}),
    "api.download_export": frozenset({ApiScope.EXPORTS, ApiScope.EVENTS_READ}),
    "api.download_bundle": frozenset({ApiScope.EXPORTS, ApiScope.EVENTS_READ}),
}

LOG_HASHES = {"log_tiles.read"}
"""A log's signed head and hashes, for keys that read it: who has none can't tell whether it is."""
