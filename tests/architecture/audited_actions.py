"""The events that each route which changes something leaves in the log: one line for each.

An action is done for real by ``test_audited_actions.py``, which then looks for its event.
"""

from __future__ import annotations

from auditsaas.exports.models import ExportState
from auditsaas.permissions import Role
from tests.architecture.journey import (
    EXPORT,
    NEW_PASSWORD,
    SCHEDULE,
    AuditedAction,
    accept,
    add_passkey,
    add_person,
    ask_for_erasure,
    audited,
    change_settings,
    check_log,
    create_schedule,
    enable,
    enable_user,
    end_others,
    export_of_key,
    hide_steps,
    person,
    remove_passkey,
    reset,
    resume_schedule,
    resume_workspace,
    retry_report,
    schedule,
    share_view,
    sign_in,
    sign_in_by_passkey,
    slug,
    upload,
    with_second_factor,
)
from tests.support.factories import PASSWORD, unique

AUDITED: dict[str, AuditedAction] = {
    "account.save": audited(
        "user.update",
        lambda s: s.post(
            "/account",
            name="New Name",
            time_zone="UTC",
            date_format="YYYY-MM-DD",
            clock="24",
            theme="dark",
            density="compact",
        ),
        "name",
        "time_zone",
        "theme",
    ),
    "accounts.sign_in": audited("user.login", sign_in),
    "accounts.give_second_factor": audited(
        "user.login", with_second_factor("/login/second-factor")
    ),
    "accounts.sign_out": audited("user.logout", lambda s: s.post("/logout")),
    "passkeys.sign_in": audited("user.login", sign_in_by_passkey),
    "passkeys.register": audited("user.passkey_add", lambda s: add_passkey(s)[1]),
    "passkeys.remove": audited("user.passkey_remove", remove_passkey),
    "security.change_password": audited(
        "user.password_change",
        lambda s: s.post(
            "/account/security/password", password=PASSWORD, new_password=NEW_PASSWORD
        ),
    ),
    "security.confirm_second_factor": audited(
        "user.second_factor_enable", with_second_factor("/account/security/second-factor/confirm")
    ),
    "security.remove_second_factor": audited(
        "user.second_factor_disable", with_second_factor("/account/security/second-factor/remove")
    ),
    "security.renew_recovery_codes": audited(
        "user.recovery_codes_renew", with_second_factor("/account/security/recovery-codes")
    ),
    "security.end_session": audited("user.session_end", end_others),
    "confirmation.confirm": audited(
        "user.confirm",
        lambda s: s.post("/account/confirm", password=PASSWORD, next="/account"),
    ),
    "password_reset.ask": audited(
        "user.password_reset_request",
        lambda s: s.post("/password-reset", by=s.signed_out, email=s.company.admin.email),
    ),
    "password_reset.choose": audited("user.password_reset", reset),
    "notifications.choose_mails": audited(
        "user.update",
        lambda s: s.post("/notifications/mails", report="1"),
        "export_ready",
        "export_failed",
    ),
    "invitations.accept": audited("member.join", accept, "role"),
    "members.invite": audited(
        "member.invite",
        lambda s: s.here("/members/invite", email=f"{unique('new')}@acme.example", role="auditor"),
        "role",
    ),
    "members.resend": audited(
        "invitation.resend",
        lambda s: s.here(f"/members/invitations/{s.company.invitation()[0]}/resend"),
        "expires_at",
    ),
    "members.revoke": audited(
        "invitation.revoke",
        lambda s: s.here(f"/members/invitations/{s.company.invitation()[0]}/revoke"),
        "role",
    ),
    "members.change_role": audited("member.role_update", person("role", role="auditor"), "role"),
    "members.disable": audited("member.disable", person("disable"), "status"),
    "members.enable": audited("member.enable", enable, "status"),
    "members.remove": audited("member.remove", person("remove", confirmed="1"), "role"),
    "api_keys.create": audited(
        "api_key.create",
        lambda s: s.here("/api-keys/new", name="Shipper", scope="events:write", lifetime="30"),
        "scopes",
    ),
    "api_keys.revoke": audited(
        "api_key.revoke",
        lambda s: s.here(f"/api-keys/{s.company.key()}/revoke", confirmed="1"),
        "revoked_at",
    ),
    "onboarding.make_key": audited("api_key.create", lambda s: s.here("/first-key"), "scopes"),
    "onboarding.hide_steps": audited("workspace.update", hide_steps, "first_steps"),
    "workspace_settings.save": audited(
        "workspace.update", change_settings, "name", "redacted_keys"
    ),
    "workspace_settings.save_retention": audited(
        "change.request", lambda s: s.here("/settings/retention", retention_days="90")
    ),
    "workspace_settings.cancel_change": audited(
        "change.cancel", lambda s: s.here(f"/settings/changes/{s.company.change()}/cancel")
    ),
    "workspace_settings.approve_change": audited(
        "change.approve",
        lambda s: s.here(f"/settings/changes/{s.company.change(by_another=True)}/approve"),
    ),
    "erasures.ask": audited("erasure.request", ask_for_erasure),
    "erasures.confirm": audited(
        "erasure.confirm",
        lambda s: s.here(f"/erasures/{s.company.erasure(by_another=True)}/confirm", events="1"),
    ),
    "erasures.cancel": audited(
        "erasure.cancel", lambda s: s.here(f"/erasures/{s.company.erasure()}/cancel")
    ),
    "workspace_access.approve": audited(
        "platform.approve",
        lambda s: s.here(f"/access-requests/{s.company.request()}/approve"),
    ),
    "workspace_access.decline": audited(
        "platform.decline",
        lambda s: s.here(f"/access-requests/{s.company.request()}/decline"),
    ),
    "access_requests.open_without_approval": audited(
        "platform.break_glass",
        lambda s: s.over(
            f"/access/requests/{s.company.workspace.id}/{s.company.request()}/open",
            reason="Nobody answers",
        ),
    ),
    "integrity.check": audited("tree.check", check_log),
    "findings.acknowledge": audited(
        "tree.acknowledge",
        lambda s: s.here(
            f"/integrity/findings/{s.company.finding()}/acknowledge", reason="A restore"
        ),
    ),
    "imports.upload": audited("import.requested", upload),
    "imports.cancel": audited(
        "import.cancelled", lambda s: s.here(f"/imports/{s.company.upload()}/cancel")
    ),
    "import_mappings.save": audited(
        "mapping.save",
        lambda s: s.here(
            "/imports/mappings", name=unique("m"), input="csv", occurred_at="t", activity="a"
        ),
    ),
    "import_mappings.remove": audited(
        "mapping.remove", lambda s: s.here(f"/imports/mappings/{s.company.mapping()}/remove")
    ),
    "exports.ask": audited("export.requested", lambda s: s.here("/exports", **EXPORT)),
    "exports.cancel": audited(
        "export.cancelled",
        lambda s: s.here(f"/exports/{s.company.export(ExportState.QUEUED)}/cancel"),
    ),
    "exports.retry": audited(
        "export.requested",
        lambda s: s.here(f"/exports/{s.company.export(ExportState.FAILED)}/retry"),
    ),
    "exports.download": audited(
        "export.downloaded",
        lambda s: s.admin.get(f"{s.base}/exports/{s.company.export()}/download"),
    ),
    "exports.download_bundle": audited(
        "export.downloaded",
        lambda s: s.admin.get(f"{s.base}/exports/{s.company.export(proof=True)}/bundle"),
    ),
    "saved_views.save": audited(
        "view.save", lambda s: s.here("/views", name="Errors", query="status=error", shared="1")
    ),
    "saved_views.change": audited(
        "view.update",
        lambda s: s.here(f"/views/{s.company.view()}", name="Failures", shared="1"),
        "name",
    ),
    "saved_views.change, sharing": audited("view.share", share_view, "shared"),
    "saved_views.change, no longer sharing": audited(
        "view.unshare", lambda s: s.here(f"/views/{s.company.view()}", name="Failures"), "shared"
    ),
    "saved_views.update": audited(
        "view.update",
        lambda s: s.here(f"/views/{s.company.view()}/filter", query="status=success"),
        "query",
    ),
    "saved_views.remove": audited(
        "view.remove", lambda s: s.here(f"/views/{s.company.view()}/remove", confirmed="1")
    ),
    "schedules.create": audited("schedule.create", create_schedule, "name"),
    "schedules.update": audited("schedule.update", schedule("", **SCHEDULE), "name"),
    "schedules.pause": audited("schedule.pause", schedule("/pause")),
    "schedules.resume": audited("schedule.resume", resume_schedule),
    "schedules.delete": audited("schedule.delete", schedule("/delete")),
    "schedules.run_now": audited("schedule.run", schedule("/run")),
    "schedules.retry_run": audited("export.requested", retry_report),
    "schedules.download_run": audited(
        "export.downloaded",
        lambda s: s.admin.get(
            f"{s.base}/schedules/{(x := s.company.schedule())}/runs/{s.company.report(x)}/download"
        ),
    ),
    "schedules.download_bundle": audited(
        "export.downloaded",
        lambda s: s.admin.get(
            f"{s.base}/schedules/{(x := s.company.schedule())}"
            f"/runs/{s.company.report(x, proof=True)}/bundle"
        ),
    ),
    "superadmin.create_workspace": audited(
        "workspace.create",
        lambda s: s.over("/workspaces/new", name="Initech", slug=unique("initech")),
    ),
    "platform_members.add": audited("member.add", add_person, "role"),
    "superadmin.suspend_workspace": audited(
        "workspace.suspend",
        lambda s: s.over(f"/workspaces/{slug(s)}/suspend", confirmed="1"),
        "state",
    ),
    "superadmin.resume_workspace": audited("workspace.resume", resume_workspace, "state"),
    "superadmin.disable_user": audited(
        "user.disable",
        lambda s: s.over(f"/users/{s.company.person(Role.AUDITOR)}/disable"),
        "status",
    ),
    "superadmin.enable_user": audited("user.enable", enable_user, "status"),
    "superadmin.give_reason": audited(
        "platform.access",
        lambda s: s.over("/access", reason="Support case 4711", workspace=slug(s)),
    ),
    "superadmin.workspaces": audited("platform.view", lambda s: s.above.get("/admin/workspaces")),
    "superadmin.users": audited("platform.view", lambda s: s.above.get("/admin/users")),
    "superadmin.system_state": audited("platform.view", lambda s: s.above.get("/admin/system")),
    "exports.index": audited("platform.view", lambda s: s.above.get("/admin/exports")),
    "api.post_export": audited(
        "export.requested",
        lambda s: s.call("POST", "/exports", json={"format": "csv", "query": ""}),
    ),
    "api.download_export": audited(
        "export.downloaded", lambda s: s.call("GET", f"/exports/{export_of_key(s)}/download")
    ),
    "api.download_bundle": audited(
        "export.downloaded",
        lambda s: s.call("GET", f"/exports/{export_of_key(s, proof=True)}/bundle"),
    ),
}

REFUSALS: dict[str, AuditedAction] = {
    "a wrong password": audited(
        "user.login",
        lambda s: s.post("/login", by=s.signed_out, email=s.company.admin.email, password="wrong"),
        status="error",
    ),
    "another's password change": audited(
        "user.password_change",
        lambda s: s.post("/account/security/password", password="wrong", new_password=NEW_PASSWORD),
        status="error",
    ),
    "another's second factor": audited(
        "user.second_factor_disable",
        lambda s: s.post("/account/security/second-factor/remove", password="wrong", code="0"),
        status="error",
    ),
    "another who is asked again": audited(
        "user.confirm",
        lambda s: s.post("/account/confirm", password="wrong", next="/account"),
        status="error",
    ),
    "a passkey that is none": audited(
        "user.login",
        lambda s: s.post("/login/passkey", by=s.signed_out, credential="{}"),
        status="error",
    ),
}
"""What was tried and refused, which is an event too."""

WITHOUT: dict[str, str] = {
    "accounts.choose_theme": "how pages look to one person",
    "account.choose_columns": "how pages look to one person",
    "saved_views.arrange": "how pages look to one person",
    "saved_views.hide": "how pages look to one person",
    "saved_views.copy": "a view of one's own, which concerns nobody else",
    "notifications.read": "what one person has seen of their own bell",
    "notifications.read_one": "what one person has seen of their own bell",
    "passkeys.sign_in_options": "a question to a browser, which opens nothing",
    "passkeys.registration_options": "a question to a browser, which opens nothing",
    "confirmation.passkey_options": "a question to a browser, which opens nothing",
    "security.begin_second_factor": "a secret that counts for nothing until it is confirmed",
    "import_mappings.preview": "a look at a sample, of which nothing is kept",
    "erasures.look": "a look at whom it would be about, which is a read of the log",
    "filter_field.refresh": "a look at what a filter finds, of which nothing is kept",
    "schedules.preview": "a look at runs to come, of which nothing is kept",
    "integrity.compare": "a look at the log; what contradicts it is told by itself",
    "event_proofs.check": "a look at one event, recorded as a reading of it",
    "api.post_events": "what it appends are the events",
    "api.post_logs": "what it appends are the events",
    "welcome.set_up": "here are people, so it is 404; what it records is in test_welcome.py",
    "witness.add_checkpoint": "what a log of others asks of a witness, many times an hour",
}
"""Routes that change something and leave no event, and why."""

BY_ITSELF = {
    "platform.request": "tests/functional/test_access_requests.py",
    "event.conflict": "tests/functional/test_conflicts.py",
    "log.read": "tests/functional/test_reads.py",
    "event.contested": "tests/functional/test_contested_events.py",
    "log.import": "tests/functional/test_imports.py",
    "log.restore": "tests/functional/test_feed_epochs.py",
    "export.completed": "tests/functional/test_exports.py",
    "export.failed": "tests/functional/test_exports.py",
    "change.apply": "tests/functional/test_pending_changes.py",
    "installation.link": "tests/functional/test_welcome.py",
    "installation.set_up": "tests/functional/test_welcome.py",
    "secret.rotate": "tests/functional/test_secret_rotation.py",
    "tree.begin_anew": "tests/functional/test_tree_forks.py",
    "tree.key_create": "tests/functional/test_tree.py",
    "tree.key_rotate": "tests/functional/test_tree_keys.py",
    "tree.mismatch": "tests/functional/test_checking.py",
    "user.create": "tests/functional/test_operator_people.py",
    "user.promote": "tests/functional/test_operator_people.py",
    "user.demote": "tests/functional/test_operator_people.py",
    "erasure.apply": "tests/functional/test_erasures.py",
    **dict.fromkeys(
        ("anchor.add", "anchor.remove", "anchor.made", "anchor.failed", "anchor.hold"),
        "tests/functional/test_anchors.py",
    ),
    "tree.witness_add": "tests/functional/test_cosigning.py",
    "tree.witness_remove": "tests/functional/test_cosigning.py",
    "witness.add_log": "tests/functional/test_cosigning.py",
    "witness.remove_log": "tests/functional/test_cosigning.py",
    "retention.apply": "tests/unit/events/test_retention.py",
}
"""Activities of workers and of the command line, and where they are tested."""

BEHIND_A_REASON = {
    "audit_logs.log",
    "audit_logs.part",
    "audit_logs.suggest",
    "audit_logs.event_as_super_admin",
    "audit_logs.related",
    "exports.before",
}
"""What super-admins read of tenants only after saying why, which is an event of the tenant's."""

TELLS_NOTHING = {
    "superadmin.home": "leads to the workspaces page",
    "exports.progress": "leads to the list; a fragment of it tells of own exports",
    "superadmin.new_workspace": "an empty form",
    "platform_members.new": "an empty form, or one with what its address says",
    "superadmin.ask_reason": "the form that asks why",
    "access_requests.index": "what super-admins themselves asked for",
    "exports.detail": "a super-admin's own export",
}
"""Super-admins' pages that hold nothing of a tenant, and why."""
