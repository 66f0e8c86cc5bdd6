"""Requests of people and applications for everything that changes something."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pyotp
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts import encryption, resets, second_factor
from auditsaas.accounts.models import User
from auditsaas.exports.models import ExportState
from auditsaas.workspaces.models import Workspace
from tests.support import factories
from tests.support.authenticator import Authenticator
from tests.support.company import Company
from tests.support.factories import (
    PASSWORD,
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_user,
    scoped,
)
from tests.support.sealing import seal

NEW_PASSWORD = "seven purple otters juggling"
ORIGIN = "http://localhost:8000"
EXPORT = {"format": "csv", "status": "error"}
SCHEDULE = {"name": "Daily digest", "frequency": "daily", "at": "08:00", "time_zone": "UTC"}
SCHEDULE |= {"format": "csv", "query": ""}


@dataclass(frozen=True)
class Journey:
    """A company, its admin's browser, a super-admin's, and a browser that is signed out."""

    company: Company
    admin: FlaskClient
    above: FlaskClient
    signed_out: FlaskClient

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
        return self.signed_out.open(f"/api/v1{path}", method=method, headers=headers, **fields)


@dataclass(frozen=True)
class AuditedAction:
    activity: str
    do: Callable[[Journey], TestResponse]
    changes: frozenset[str] = field(default_factory=frozenset)
    status: str = "success"


def audited(
    activity: str, do: Callable[[Journey], TestResponse], *changes: str, status: str = "success"
) -> AuditedAction:
    return AuditedAction(activity, do, frozenset(changes), status)


def sign_in(journey: Journey) -> TestResponse:
    email = journey.company.admin.email
    return journey.post("/login", by=journey.signed_out, email=email, password=PASSWORD)


def share_view(journey: Journey) -> TestResponse:
    """Share a view that its maker shares no longer."""
    view = journey.company.view()
    journey.here(f"/views/{view}", name="Errors")
    return journey.here(f"/views/{view}", name="Errors", shared="1")


def begin_second_factor(journey: Journey) -> pyotp.TOTP:
    """Set up the admin's second factor; return the app's side of it."""
    secret_key = journey.company.app.extensions["settings"].secret_keys
    with factories.Sessions.begin() as session:
        user = session.get_one(User, journey.company.admin.id)
        second_factor.begin(user, secret_key)
        assert user.totp_secret is not None
        totp = pyotp.TOTP(encryption.unseal(secret_key, user.totp_secret))
        assert second_factor.confirm(session, user, totp.at(0), secret_key) is None
        return totp


def with_second_factor(path: str, **fields: Any) -> Callable[[Journey], TestResponse]:
    def do(journey: Journey) -> TestResponse:
        totp = begin_second_factor(journey)
        confirm = "/account/security/second-factor/confirm"
        answer = journey.post(confirm, code=totp.now(), password=PASSWORD)
        if path == confirm:
            return answer
        codes = answer.text.partition('id="recovery-codes">')[2].split()
        if path != "/login/second-factor":
            return journey.post(path, code=codes[0], password=PASSWORD, **fields)
        sign_in(journey)
        return journey.post(path, by=journey.signed_out, code=codes[0])

    return do


def add_passkey(journey: Journey) -> tuple[Authenticator, TestResponse]:
    device = Authenticator("localhost", ORIGIN)
    options = journey.post("/account/security/passkeys/options").json
    made = device.create(options or {})
    form: dict[str, Any] = {"credential": made, "name": "Laptop", "password": PASSWORD}
    return device, journey.post("/account/security/passkeys", **form)


def sign_in_by_passkey(journey: Journey) -> TestResponse:
    device, _ = add_passkey(journey)
    options = journey.post("/login/passkey/options", by=journey.signed_out).json
    return journey.post(
        "/login/passkey", by=journey.signed_out, credential=device.sign(options or {})
    )


def remove_passkey(journey: Journey) -> TestResponse:
    device, _ = add_passkey(journey)
    name = json.loads(device.create({"challenge": ""}))["id"]
    return journey.post("/account/security/passkeys/remove", passkey=name, password=PASSWORD)


def end_others(journey: Journey) -> TestResponse:
    sign_in(journey)
    return journey.post("/account/sessions/end", session="others")


def reset(journey: Journey) -> TestResponse:
    with factories.Sessions.begin() as session:
        token = resets.begin(session, session.get_one(User, journey.company.admin.id))
    return journey.post(f"/password-reset/{token}", by=journey.signed_out, password=NEW_PASSWORD)


def accept(journey: Journey) -> TestResponse:
    _, token = journey.company.invitation()
    form = {"name": "New Person", "password": NEW_PASSWORD}
    return journey.post(f"/invitations/{token}", by=journey.signed_out, **form)


def export_of_key(s: Journey, *, proof: bool = False) -> str:
    """Ask for a file by a key, and build it."""
    if proof:
        append_events(s.company.workspace, [event_input()])
    asked = s.call("POST", "/exports", json={"format": "csv", "query": "", "proof": proof})
    assert asked.json is not None
    s.company.build(UUID(asked.json["id"]), proof=proof)
    return str(asked.json["id"])


def change_settings(journey: Journey) -> TestResponse:
    form = {"name": "Other Ltd", "slug": journey.company.workspace.slug, "time_zone": "UTC"}
    return journey.here("/settings", **form, export_days="7", redacted_keys="token")


def add_person(journey: Journey) -> TestResponse:
    form = {"workspace": journey.company.workspace.slug, "email": make_user().email}
    return journey.over("/members/new", **form, role="member", reason="Support case 4711")


def hide_steps(journey: Journey) -> TestResponse:
    with scoped(journey.company.workspace.id) as session:
        session.get_one(Workspace, journey.company.workspace.id).first_steps = True
        session.commit()
    return journey.here("/first-steps/hide")


def check_log(journey: Journey) -> TestResponse:
    seal(journey.company.workspace)
    return journey.here("/integrity/check")


def upload(journey: Journey) -> TestResponse:
    return journey.here("/imports/new", format="combined", file=(io.BytesIO(b"x"), "access.log"))


def ask_for_erasure(journey: Journey) -> TestResponse:
    make_member(journey.company.workspace)
    append_events(journey.company.workspace, [event_input(actor={"id": "ola.brandvik"})])
    form = {"person": "ola.brandvik", "parts": "address", "reason": "Case 7"}
    return journey.here("/erasures", **form)


def schedule(path: str, **fields: str) -> Callable[[Journey], TestResponse]:
    def do(journey: Journey) -> TestResponse:
        recipients = {"recipients": str(journey.company.admin.id)} if fields else {}
        return journey.here(
            f"/schedules/{journey.company.schedule()}{path}", **fields, **recipients
        )

    return do


def create_schedule(journey: Journey) -> TestResponse:
    return journey.here("/schedules", **SCHEDULE, recipients=str(journey.company.admin.id))


def resume_schedule(journey: Journey) -> TestResponse:
    schedule = journey.company.schedule()
    journey.here(f"/schedules/{schedule}/pause")
    return journey.here(f"/schedules/{schedule}/resume")


def retry_report(journey: Journey) -> TestResponse:
    schedule = journey.company.schedule()
    run = journey.company.report(schedule, ExportState.FAILED)
    return journey.here(f"/schedules/{schedule}/runs/{run}/retry")


def resume_workspace(journey: Journey) -> TestResponse:
    path = f"/workspaces/{journey.company.workspace.slug}"
    journey.over(f"{path}/suspend", confirmed="1")
    return journey.over(f"{path}/resume")


def person(path: str, **fields: str) -> Callable[[Journey], TestResponse]:
    return lambda journey: journey.here(f"/members/{journey.company.person()}/{path}", **fields)


def enable(journey: Journey) -> TestResponse:
    person = journey.company.person()
    journey.here(f"/members/{person}/disable")
    return journey.here(f"/members/{person}/enable")


def enable_user(journey: Journey) -> TestResponse:
    person = journey.company.person()
    journey.over(f"/users/{person}/disable")
    return journey.over(f"/users/{person}/enable")


def slug(journey: Journey) -> str:
    return journey.company.workspace.slug
