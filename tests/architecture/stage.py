"""Doing, as people and applications do it, everything that changes something."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyotp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts import encryption, resets, second_factor
from auditsaas.accounts.models import User
from auditsaas.exports.models import ExportState
from tests.support import factories
from tests.support.authenticator import Authenticator
from tests.support.company import Company
from tests.support.factories import PASSWORD, csrf_token, make_api_key

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


def sign_in(stage: Stage) -> TestResponse:
    email = stage.company.admin.email
    return stage.post("/login", by=stage.nobody, email=email, password=PASSWORD)


def begin_second_factor(stage: Stage) -> pyotp.TOTP:
    """The admin has one from now on; the app's side of it."""
    secret_key = stage.company.app.extensions["settings"].secret_key
    with factories.Sessions.begin() as session:
        user = session.get_one(User, stage.company.admin.id)
        second_factor.begin(user, secret_key)
        assert user.totp_secret is not None
        totp = pyotp.TOTP(encryption.unseal(secret_key, user.totp_secret))
        assert second_factor.confirm(session, user, totp.at(0), secret_key) is None
        return totp


def with_second_factor(path: str, **fields: Any) -> Callable[[Stage], TestResponse]:
    def do(stage: Stage) -> TestResponse:
        totp = begin_second_factor(stage)
        confirm = "/account/security/second-factor/confirm"
        answer = stage.post(confirm, code=totp.now(), password=PASSWORD)
        if path == confirm:
            return answer
        codes = answer.text.partition('id="recovery-codes">')[2].split()
        if path != "/login/second-factor":
            return stage.post(path, code=codes[0], password=PASSWORD, **fields)
        sign_in(stage)
        return stage.post(path, by=stage.nobody, code=codes[0])

    return do


def add_passkey(stage: Stage) -> tuple[Authenticator, TestResponse]:
    device = Authenticator("localhost", ORIGIN)
    options = stage.post("/account/security/passkeys/options").json
    made = device.create(options or {})
    form: dict[str, Any] = {"credential": made, "name": "Laptop", "password": PASSWORD}
    return device, stage.post("/account/security/passkeys", **form)


def sign_in_by_passkey(stage: Stage) -> TestResponse:
    device, _ = add_passkey(stage)
    options = stage.post("/login/passkey/options", by=stage.nobody).json
    return stage.post("/login/passkey", by=stage.nobody, credential=device.sign(options or {}))


def remove_passkey(stage: Stage) -> TestResponse:
    device, _ = add_passkey(stage)
    name = json.loads(device.create({"challenge": ""}))["id"]
    return stage.post("/account/security/passkeys/remove", passkey=name, password=PASSWORD)


def end_others(stage: Stage) -> TestResponse:
    sign_in(stage)
    return stage.post("/account/sessions/end", session="others")


def reset(stage: Stage) -> TestResponse:
    with factories.Sessions.begin() as session:
        token = resets.begin(session, session.get_one(User, stage.company.admin.id))
    return stage.post(f"/password-reset/{token}", by=stage.nobody, password=NEW_PASSWORD)


def accept(stage: Stage) -> TestResponse:
    _, token = stage.company.invitation()
    form = {"name": "New Person", "password": NEW_PASSWORD}
    return stage.post(f"/invitations/{token}", by=stage.nobody, **form)


def change_settings(stage: Stage) -> TestResponse:
    form = {"name": "Other Ltd", "slug": stage.company.workspace.slug, "time_zone": "UTC"}
    return stage.here("/settings", **form, export_days="7", redacted_keys="token")


def upload(stage: Stage) -> TestResponse:
    return stage.here("/imports/new", format="combined", file=(io.BytesIO(b"x"), "access.log"))


def schedule(path: str, **fields: str) -> Callable[[Stage], TestResponse]:
    def do(stage: Stage) -> TestResponse:
        recipients = {"recipients": str(stage.company.admin.id)} if fields else {}
        return stage.here(f"/schedules/{stage.company.schedule()}{path}", **fields, **recipients)

    return do


def create_schedule(stage: Stage) -> TestResponse:
    return stage.here("/schedules", **SCHEDULE, recipients=str(stage.company.admin.id))


def resume_schedule(stage: Stage) -> TestResponse:
    schedule = stage.company.schedule()
    stage.here(f"/schedules/{schedule}/pause")
    return stage.here(f"/schedules/{schedule}/resume")


def retry_report(stage: Stage) -> TestResponse:
    schedule = stage.company.schedule()
    run = stage.company.report(schedule, ExportState.FAILED)
    return stage.here(f"/schedules/{schedule}/runs/{run}/retry")


def resume_workspace(stage: Stage) -> TestResponse:
    path = f"/workspaces/{stage.company.workspace.slug}"
    stage.over(f"{path}/suspend", confirmed="1")
    return stage.over(f"{path}/resume")


def person(path: str, **fields: str) -> Callable[[Stage], TestResponse]:
    return lambda stage: stage.here(f"/members/{stage.company.person()}/{path}", **fields)


def enable(stage: Stage) -> TestResponse:
    person = stage.company.person()
    stage.here(f"/members/{person}/disable")
    return stage.here(f"/members/{person}/enable")


def enable_user(stage: Stage) -> TestResponse:
    person = stage.company.person()
    stage.over(f"/users/{person}/disable")
    return stage.over(f"/users/{person}/enable")


def slug(stage: Stage) -> str:
    return stage.company.workspace.slug
