"""SECRET_KEY is changed while people are signed in, with fallbacks and without."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pyotp
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from auditsaas.accounts import encryption, kept_requests, second_factor, sent_forms
from auditsaas.accounts.encryption import Opening
from auditsaas.accounts.kept_requests import KeptRequest
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.cli import cli
from auditsaas.db import tickets
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.operations import rights, secret_rotation
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_member, scoped
from tests.support.left_over import end_all_sealed
from tests.support.serving import environment

NEW = secrets.token_hex(32)
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def swapped(settings: Settings) -> Settings:
    """The second step of a rotation: the new key, and the one before as its fallback."""
    return replace(settings, secret_key=NEW, secret_key_fallbacks=(settings.secret_key,))


@pytest.fixture(scope="module")
def forgetful(settings: Settings) -> Settings:
    """A key that was changed, and nothing else."""
    return replace(settings, secret_key=NEW)


@pytest.fixture(scope="module")
def apps(
    app: Flask, owner_engine: Engine, settings: Settings, swapped: Settings, forgetful: Settings
) -> Iterator[dict[str, Flask]]:
    """Processes of the first step, of the second and without fallbacks, on a database told so."""
    end_all_sealed(owner_engine)
    with owner_engine.begin() as owner:
        rights.keep_keys(owner, swapped.secret_keys)
    first = replace(settings, secret_key_fallbacks=(NEW,))
    made = {"first": first, "swapped": swapped, "forgetful": forgetful}
    yield {name: create_app(each) for name, each in made.items()}
    end_all_sealed(owner_engine)
    with owner_engine.begin() as owner:
        rights.forget_other_keys(owner, settings.secret_keys)
    tickets.sign_with(settings.secret_key)


@pytest.fixture
def run(swapped: Settings) -> Run:
    def run(*words: str, settings: Settings = swapped) -> Result:
        variables = environment(settings) | {"MIGRATION_DATABASE_URL": settings.owner_url}
        variables["SECRET_KEY_FALLBACKS"] = ",".join(settings.secret_key_fallbacks)
        return CliRunner(env=variables).invoke(cli, ["secret", *words])

    return run


def with_factor(workspace: Workspace, settings: Settings) -> tuple[User, str, list[str]]:
    """A member with an authenticator app, its secret, and their recovery codes."""
    user, secret = make_member(workspace), pyotp.random_base32()
    with scoped(workspace.id) as session:
        stored = session.get_one(User, user.id)
        stored.totp_secret = encryption.seal(settings.secret_keys, secret)
        stored.totp_confirmed_at = datetime.now(UTC)
        codes = second_factor.renew_recovery_codes(session, stored)
        session.commit()
    return user, secret, list(codes)


def post(browser: FlaskClient, path: str, **fields: str) -> TestResponse:
    return browser.post(path, data={"csrf_token": csrf_token(browser), **fields})


def give_code(app: Flask, user: User, code: str) -> tuple[FlaskClient, TestResponse]:
    """Sign in by password and code; the browser, and what the code was answered."""
    browser = app.test_client()
    post(browser, "/login", email=user.email, password=PASSWORD)
    return browser, post(browser, "/login/second-factor", code=code)


def moved(browser: FlaskClient, app: Flask) -> FlaskClient:
    """The same browser, whose next request another process answers."""
    there, name = app.test_client(), app.config["SESSION_COOKIE_NAME"]
    cookie = browser.get_cookie(name)
    assert cookie is not None
    there.set_cookie(name, cookie.value)
    return there


@pytest.mark.parametrize("step", ["first", "swapped"])
def test_code_of_the_app_is_taken_at_each_step_of_a_rotation(
    apps: dict[str, Flask], workspace: Workspace, settings: Settings, step: str
) -> None:
    user, secret, _ = with_factor(workspace, settings)
    browser, answer = give_code(apps[step], user, pyotp.TOTP(secret).now())
    assert answer.status_code == 302
    assert "On, with an authenticator app" in browser.get("/account/security").text


def test_code_is_refused_in_words_after_a_change_without_fallbacks(
    apps: dict[str, Flask], workspace: Workspace, settings: Settings
) -> None:
    user, secret, codes = with_factor(workspace, settings)
    _, answer = give_code(apps["forgetful"], user, pyotp.TOTP(secret).now())
    assert (answer.status_code, "the server’s key was changed" in answer.text) == (422, True)
    browser, answer = give_code(apps["forgetful"], user, codes[0])
    assert answer.status_code == 302
    assert "can no longer be checked" in browser.get("/account/security").text


def test_unreadable_factor_is_removed_by_a_recovery_code(
    apps: dict[str, Flask], workspace: Workspace, settings: Settings
) -> None:
    user, secret, codes = with_factor(workspace, settings)
    browser, _ = give_code(apps["forgetful"], user, codes[0])
    remove, given = "/account/security/second-factor/remove", {"password": PASSWORD}
    refused = post(browser, remove, code=pyotp.TOTP(secret).now(), **given)
    assert (refused.status_code, "the server’s key was changed" in refused.text) == (422, True)
    assert post(browser, remove, code=codes[1], **given).status_code == 303
    assert post(browser, "/account/security/second-factor").status_code == 303
    assert 'id="totp-secret"' in browser.get("/account/security").text


def test_factor_being_set_up_is_begun_anew_after_a_change(
    apps: dict[str, Flask], workspace: Workspace, settings: Settings
) -> None:
    browser, user = apps["forgetful"].test_client(), make_member(workspace)
    with scoped(workspace.id) as session:
        second_factor.begin(session.get_one(User, user.id), settings.secret_keys)
        session.commit()
    post(browser, "/login", email=user.email, password=PASSWORD)
    assert "Set up authenticator app" in browser.get("/account/security").text


@pytest.mark.parametrize(
    ("served", "sent", "status"),
    [("first", "swapped", 303), ("swapped", "first", 303), ("first", "forgetful", 400)],
)
def test_open_page_is_taken_by_a_process_with_the_other_key(
    apps: dict[str, Flask], admin: User, served: str, sent: str, status: int
) -> None:
    browser = apps[served].test_client()
    factories.sign_in(browser, admin)
    form = {"csrf_token": csrf_token(browser), "theme": "dark"}
    assert moved(browser, apps[sent]).post("/account/theme", data=form).status_code in (status, 302)


def test_request_that_was_kept_goes_on_after_the_swap(apps: dict[str, Flask], admin: User) -> None:
    kept = KeptRequest("POST", "/account/theme", (("theme", "dark"),))
    keys = [apps[name].extensions["settings"].secret_keys for name in apps]
    sealed = kept_requests.seal(keys[0], admin.id, kept)
    opened = [kept_requests.unseal(each, admin.id, sealed) for each in keys]
    assert opened == [kept, kept, None]


def test_form_of_a_key_sent_again_after_the_swap_shows_the_same_secret(
    apps: dict[str, Flask], workspace: Workspace, admin: User
) -> None:
    browser = apps["first"].test_client()
    factories.sign_in(browser, admin)
    form = {
        "name": "App",
        "scope": "events:write",
        "lifetime": "30",
        "once": sent_forms.new_token(),
    }
    address = f"/w/{workspace.slug}/api-keys/new"
    shown = post(browser, address, **form).text
    again = post(moved(browser, apps["swapped"]), address, **form).text
    assert (found := re.search(r"aud_\w+", shown))
    assert found[0] in again


@pytest.mark.usefixtures("apps")
def test_rotate_seals_anew_and_is_recorded(
    run: Run, workspace: Workspace, settings: Settings, forgetful: Settings
) -> None:
    user, *_ = with_factor(workspace, settings)
    rotated = run("rotate")
    assert rotated.exit_code == 0, rotated.output
    with scoped(SYSTEM_WORKSPACE_ID) as session:
        sealed = session.get_one(User, user.id).totp_secret or ""
        told = session.execute(
            select(events).where(events.c.activity == "secret.rotate").order_by(events.c.seq.desc())
        ).first()
    assert encryption.opening(forgetful.secret_keys, sealed) is Opening.CURRENT
    assert told is not None
    assert (told.actor_id.startswith("operator:"), told.source) == (True, "product")
    again = run("rotate")
    assert "second factors: 0 sealed anew" in again.stdout
    assert "SECRET_KEY_FALLBACKS may be dropped" in again.stdout


@pytest.mark.usefixtures("apps")
def test_rotation_that_was_interrupted_is_taken_up(
    workspace: Workspace, settings: Settings, swapped: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_rotation, "BATCH", 1)
    keys, people = swapped.secret_keys, [with_factor(workspace, settings)[0] for _ in range(3)]

    def interrupt(_name: str, looked_at: int, total: int) -> None:
        if looked_at == total - 1:
            raise KeyboardInterrupt

    def opened() -> list[Opening]:
        with factories.Sessions() as session:
            stored = [session.get_one(User, each.id).totp_secret or "" for each in people]
        return [encryption.opening(keys, sealed) for sealed in stored]

    with factories.OwnerSessions() as session, pytest.raises(KeyboardInterrupt):
        secret_rotation.rotate(session, keys, interrupt)
    assert opened() == [Opening.CURRENT, Opening.CURRENT, Opening.FALLBACK]
    with factories.OwnerSessions() as session:
        secret_rotation.rotate(session, keys, lambda *_: None)
    assert opened() == [Opening.CURRENT] * 3


@pytest.mark.usefixtures("apps")
def test_status_tells_what_no_key_opens(
    run: Run, workspace: Workspace, settings: Settings, forgetful: Settings
) -> None:
    with_factor(workspace, settings)
    before = json.loads(run("status", "--json").stdout)
    assert before["sealed"]["second factors"]["fallback"] > 0
    assert before["fallbacks_may_be_dropped"] is False
    lost = run("status", settings=forgetful)
    assert lost.exit_code == 1
    assert "add the key before to SECRET_KEY_FALLBACKS" in lost.stdout


def test_key_that_the_database_does_not_know_is_told_and_no_fault(
    apps: dict[str, Flask], workspace: Workspace, admin: User
) -> None:
    browser = apps["first"].test_client()
    factories.sign_in(browser, admin)
    tickets.sign_with("a secret that the database was never told of")
    page = browser.get(f"/w/{workspace.slug}/audit-logs")
    assert (page.status_code, "The server is set up wrong" in page.text) == (503, True)
    ready = browser.get("/readyz")
    assert ready.status_code == 503
    assert "does not know SECRET_KEY" in ready.text
