"""What every route that changes something leaves in the log: one line for each.

A deed is done for real by ``test_deeds.py``, which then looks for its event.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyotp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts import resets, sealing, second_factor
from auditsaas.accounts.models import User
from auditsaas.exports.models import ExportState
from auditsaas.permissions import Role
from tests import factories
from tests.authenticator import Authenticator
from tests.company import Company
from tests.factories import PASSWORD, csrf_token, make_api_key, unique

NEW_PASSWORD = "seven purple otters juggling"
ORIGIN = "http://localhost:8000"
EXPORT = {"format": "csv", "status": "error"}
SCHEDULE = {"name": "Daily digest", "frequency": "daily", "at": "08:00", "time_zone": "UTC"}
SCHEDULE |= {"format": "csv", "query": ""}


@dataclass(frozen=True)
class Stage:
    """A company, its admin's browser, a super-admin's, and one of nobody's."""

    company: Company
    admin: FlaskClient
    above: FlaskClient
    nobody: FlaskClient

    @property
    def base(self) -> str:
        return f"/w/{self.company.workspace.slug}"

    def post(self, path: str, by: FlaskClient | None = None, **fields: Any) -> TestResponse:
        client = by or self.admin
        return client.post(path, data={"csrf_token": csrf_token(client), **fields})

    def here(self, path: str, **fields: Any) -> TestResponse:
        return self.post(self.base + path, **fields)

    def over(self, path: str, **fields: Any) -> TestResponse:
        return self.post(f"/admin{path}", by=self.above, **fields)

    def call(self, method: str, path: str, **fields: Any) -> TestResponse:
        key = make_api_key(self.company.workspace)
        headers = {"Authorization": f"Bearer {key}"}
        return self.nobody.open(f"/api/v1{path}", method=method, headers=headers, **fields)


@dataclass(frozen=True)
class Deed:
    activity: str
    do: Callable[[Stage], TestResponse]
    changes: frozenset[str] = field(default_factory=frozenset)
    status: str = "success"


def deed(
    activity: str, do: Callable[[Stage], TestResponse], *changes: str, status: str = "success"
) -> Deed:
    return Deed(activity, do, frozenset(changes), status)


def _sign_in(stage: Stage) -> TestResponse:
    email = stage.company.admin.email
    return stage.post("/login", by=stage.nobody, email=email, password=PASSWORD)


def _second_factor(stage: Stage) -> pyotp.TOTP:
    """The admin has one from now on; the app's side of it."""
    secret_key = stage.company.app.extensions["settings"].secret_key
    with factories.Sessions.begin() as session:
        user = session.get_one(User, stage.company.admin.id)
        second_factor.begin(user, secret_key)
        assert user.totp_secret is not None
        totp = pyotp.TOTP(sealing.unseal(secret_key, user.totp_secret))
        assert second_factor.confirm(session, user, totp.at(0), secret_key) is None
        return totp


def _with_second_factor(path: str, **fields: str) -> Callable[[Stage], TestResponse]:
    def do(stage: Stage) -> TestResponse:
        totp = _second_factor(stage)
        confirm = "/account/security/second-factor/confirm"
        answer = stage.post(confirm, code=totp.now(), password=PASSWORD)
        if path == confirm:
            return answer
        codes = answer.text.partition('id="recovery-codes">')[2].split()
        if path != "/login/second-factor":
            return stage.post(path, code=codes[0], password=PASSWORD, **fields)
        _sign_in(stage)
        return stage.post(path, by=stage.nobody, code=codes[0])

    return do


def _add_passkey(stage: Stage) -> tuple[Authenticator, TestResponse]:
    device = Authenticator("localhost", ORIGIN)
    options = stage.post("/account/security/passkeys/options").json
    made = device.create(options or {})
    form = {"credential": made, "name": "Laptop", "password": PASSWORD}
    return device, stage.post("/account/security/passkeys", **form)


def _sign_in_by_passkey(stage: Stage) -> TestResponse:
    device, _ = _add_passkey(stage)
    options = stage.post("/login/passkey/options", by=stage.nobody).json
    return stage.post("/login/passkey", by=stage.nobody, credential=device.sign(options or {}))


def _remove_passkey(stage: Stage) -> TestResponse:
    device, _ = _add_passkey(stage)
    name = json.loads(device.create({"challenge": ""}))["id"]
    return stage.post("/account/security/passkeys/remove", passkey=name, password=PASSWORD)


def _end_others(stage: Stage) -> TestResponse:
    _sign_in(stage)
    return stage.post("/account/sessions/end", session="others")


def _reset(stage: Stage) -> TestResponse:
    with factories.Sessions.begin() as session:
        token = resets.begin(session, session.get_one(User, stage.company.admin.id))
    return stage.post(f"/password-reset/{token}", by=stage.nobody, password=NEW_PASSWORD)


def _accept(stage: Stage) -> TestResponse:
    _, token = stage.company.invitation()
    form = {"name": "New Person", "password": NEW_PASSWORD}
    return stage.post(f"/invitations/{token}", by=stage.nobody, **form)


def _settings(stage: Stage) -> TestResponse:
    form = {"name": "Other Ltd", "slug": stage.company.workspace.slug, "time_zone": "UTC"}
    return stage.here("/settings", **form, export_days="7", redacted_keys="token")


def _upload(stage: Stage) -> TestResponse:
    return stage.here("/imports/new", format="combined", file=(io.BytesIO(b"x"), "access.log"))


def _schedule(path: str, **fields: str) -> Callable[[Stage], TestResponse]:
    def do(stage: Stage) -> TestResponse:
        recipients = {"recipients": str(stage.company.admin.id)} if fields else {}
        return stage.here(f"/schedules/{stage.company.schedule()}{path}", **fields, **recipients)

    return do


def _create_schedule(stage: Stage) -> TestResponse:
    return stage.here("/schedules", **SCHEDULE, recipients=str(stage.company.admin.id))


def _resume_schedule(stage: Stage) -> TestResponse:
    schedule = stage.company.schedule()
    stage.here(f"/schedules/{schedule}/pause")
    return stage.here(f"/schedules/{schedule}/resume")


def _retry_report(stage: Stage) -> TestResponse:
    schedule = stage.company.schedule()
    run = stage.company.report(schedule, ExportState.FAILED)
    return stage.here(f"/schedules/{schedule}/runs/{run}/retry")


def _resume_workspace(stage: Stage) -> TestResponse:
    path = f"/workspaces/{stage.company.workspace.slug}"
    stage.over(f"{path}/suspend", confirmed="1")
    return stage.over(f"{path}/resume")


def _person(path: str, **fields: str) -> Callable[[Stage], TestResponse]:
    return lambda stage: stage.here(f"/members/{stage.company.person()}/{path}", **fields)


def _enable(stage: Stage) -> TestResponse:
    person = stage.company.person()
    stage.here(f"/members/{person}/disable")
    return stage.here(f"/members/{person}/enable")


def _enable_user(stage: Stage) -> TestResponse:
    person = stage.company.person()
    stage.over(f"/users/{person}/disable")
    return stage.over(f"/users/{person}/enable")


def _slug(stage: Stage) -> str:
    return stage.company.workspace.slug


DEEDS: dict[str, Deed] = {
    "account.save": deed(
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
    "accounts.sign_in": deed("user.login", _sign_in),
    "accounts.give_second_factor": deed("user.login", _with_second_factor("/login/second-factor")),
    "accounts.sign_out": deed("user.logout", lambda s: s.post("/logout")),
    "passkeys.sign_in": deed("user.login", _sign_in_by_passkey),
    "passkeys.register": deed("user.passkey_add", lambda s: _add_passkey(s)[1]),
    "passkeys.remove": deed("user.passkey_remove", _remove_passkey),
    "security.change_password": deed(
        "user.password_change",
        lambda s: s.post(
            "/account/security/password", password=PASSWORD, new_password=NEW_PASSWORD
        ),
    ),
    "security.confirm_second_factor": deed(
        "user.second_factor_enable", _with_second_factor("/account/security/second-factor/confirm")
    ),
    "security.remove_second_factor": deed(
        "user.second_factor_disable", _with_second_factor("/account/security/second-factor/remove")
    ),
    "security.renew_recovery_codes": deed(
        "user.recovery_codes_renew", _with_second_factor("/account/security/recovery-codes")
    ),
    "security.end_session": deed("user.session_end", _end_others),
    "password_reset.ask": deed(
        "user.password_reset_request",
        lambda s: s.post("/password-reset", by=s.nobody, email=s.company.admin.email),
    ),
    "password_reset.choose": deed("user.password_reset", _reset),
    "notifications.choose_mails": deed(
        "user.update",
        lambda s: s.post("/notifications/mails", report="1"),
        "export_ready",
        "export_failed",
    ),
    "invitations.accept": deed("member.join", _accept, "role"),
    "members.invite": deed(
        "member.invite",
        lambda s: s.here("/members/invite", email=f"{unique('new')}@acme.example", role="auditor"),
        "role",
    ),
    "members.resend": deed(
        "invitation.resend",
        lambda s: s.here(f"/members/invitations/{s.company.invitation()[0]}/resend"),
        "expires_at",
    ),
    "members.revoke": deed(
        "invitation.revoke",
        lambda s: s.here(f"/members/invitations/{s.company.invitation()[0]}/revoke"),
        "role",
    ),
    "members.change_role": deed("member.role_update", _person("role", role="auditor"), "role"),
    "members.disable": deed("member.disable", _person("disable"), "status"),
    "members.enable": deed("member.enable", _enable, "status"),
    "members.remove": deed("member.remove", _person("remove", confirmed="1"), "role"),
    "api_keys.create": deed(
        "api_key.create",
        lambda s: s.here("/api-keys/new", name="Shipper", scope="events:write", lifetime="30"),
        "scopes",
    ),
    "api_keys.revoke": deed(
        "api_key.revoke",
        lambda s: s.here(f"/api-keys/{s.company.key()}/revoke", confirmed="1"),
        "revoked_at",
    ),
    "workspace_settings.save": deed("workspace.update", _settings, "name", "redacted_keys"),
    "imports.upload": deed("import.requested", _upload),
    "imports.cancel": deed(
        "import.cancelled", lambda s: s.here(f"/imports/{s.company.upload()}/cancel")
    ),
    "exports.ask": deed("export.requested", lambda s: s.here("/exports", **EXPORT)),
    "exports.cancel": deed(
        "export.cancelled",
        lambda s: s.here(f"/exports/{s.company.export(ExportState.QUEUED)}/cancel"),
    ),
    "exports.retry": deed(
        "export.requested",
        lambda s: s.here(f"/exports/{s.company.export(ExportState.FAILED)}/retry"),
    ),
    "exports.download": deed(
        "export.downloaded",
        lambda s: s.admin.get(f"{s.base}/exports/{s.company.export()}/download"),
    ),
    "saved_views.save": deed(
        "view.save", lambda s: s.here("/views", name="Errors", query="status=error", shared="1")
    ),
    "saved_views.remove": deed(
        "view.remove", lambda s: s.here(f"/views/{s.company.view()}/remove")
    ),
    "schedules.create": deed("schedule.create", _create_schedule, "name"),
    "schedules.update": deed("schedule.update", _schedule("", **SCHEDULE), "name"),
    "schedules.pause": deed("schedule.pause", _schedule("/pause")),
    "schedules.resume": deed("schedule.resume", _resume_schedule),
    "schedules.delete": deed("schedule.delete", _schedule("/delete")),
    "schedules.run_now": deed("schedule.run", _schedule("/run")),
    "schedules.retry_run": deed("export.requested", _retry_report),
    "schedules.download_run": deed(
        "export.downloaded",
        lambda s: s.admin.get(
            f"{s.base}/schedules/{(x := s.company.schedule())}/runs/{s.company.report(x)}/download"
        ),
    ),
    "superadmin.create_workspace": deed(
        "workspace.create",
        lambda s: s.over("/workspaces/new", name="Initech", slug=unique("initech")),
    ),
    "superadmin.suspend_workspace": deed(
        "workspace.suspend",
        lambda s: s.over(f"/workspaces/{_slug(s)}/suspend", confirmed="1"),
        "state",
    ),
    "superadmin.resume_workspace": deed("workspace.resume", _resume_workspace, "state"),
    "superadmin.disable_user": deed(
        "user.disable",
        lambda s: s.over(f"/users/{s.company.person(Role.AUDITOR)}/disable"),
        "status",
    ),
    "superadmin.enable_user": deed("user.enable", _enable_user, "status"),
    "superadmin.give_reason": deed(
        "platform.access",
        lambda s: s.over("/access", reason="Support case 4711", workspace=_slug(s)),
    ),
    "superadmin.workspaces": deed("platform.view", lambda s: s.above.get("/admin/workspaces")),
    "superadmin.users": deed("platform.view", lambda s: s.above.get("/admin/users")),
    "superadmin.system_state": deed("platform.view", lambda s: s.above.get("/admin/system")),
    "exports.index": deed("platform.view", lambda s: s.above.get("/admin/exports")),
    "api.post_export": deed(
        "export.requested",
        lambda s: s.call("POST", "/exports", json={"format": "csv", "query": ""}),
    ),
    "api.download_export": deed(
        "export.downloaded", lambda s: s.call("GET", f"/exports/{s.company.export()}/download")
    ),
}

REFUSALS: dict[str, Deed] = {
    "a wrong password": deed(
        "user.login",
        lambda s: s.post("/login", by=s.nobody, email=s.company.admin.email, password="wrong"),
        status="error",
    ),
    "another's password change": deed(
        "user.password_change",
        lambda s: s.post("/account/security/password", password="wrong", new_password=NEW_PASSWORD),
        status="error",
    ),
    "another's second factor": deed(
        "user.second_factor_disable",
        lambda s: s.post("/account/security/second-factor/remove", password="wrong", code="0"),
        status="error",
    ),
    "a passkey that is none": deed(
        "user.login",
        lambda s: s.post("/login/passkey", by=s.nobody, credential="{}"),
        status="error",
    ),
}
"""What was tried and refused, which is an event too."""

WITHOUT: dict[str, str] = {
    "accounts.choose_theme": "how pages look to one person",
    "account.choose_columns": "how pages look to one person",
    "notifications.read": "what one person has seen of their own bell",
    "notifications.read_one": "what one person has seen of their own bell",
    "passkeys.sign_in_options": "a question to a browser, which opens nothing",
    "passkeys.registration_options": "a question to a browser, which opens nothing",
    "security.begin_second_factor": "a secret that counts for nothing until it is confirmed",
    "api.post_events": "what it appends are the events",
}
"""Routes that change something and leave no event, and why."""

BY_ITSELF = {
    "log.import": "tests/functional/test_imports.py",
    "export.completed": "tests/functional/test_exports.py",
    "export.failed": "tests/functional/test_exports.py",
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
    "superadmin.new_workspace": "an empty form",
    "superadmin.ask_reason": "the form that asks why",
    "exports.detail": "a super-admin's own export",
}
"""Super-admins' pages that hold nothing of a tenant, and why."""
