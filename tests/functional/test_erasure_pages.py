"""The pages by which an erasure is asked for, confirmed and cancelled."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.maintenance import erase
from tests.support.asking import confirmed_ago
from tests.support.erasing import Asking
from tests.support.factories import csrf_token, sign_in, unique
from tests.support.sealing import seal
from tests.support.waiting import (
    act_on,
    changes_of,
    hold,
    let_take_effect,
    mails_to,
    states,
)

AFTER = re.compile(r'<th scope="row">(.*?)</th>.*?data-l="After".*?>(.*?)</td>', re.DOTALL)
FIELDS = {"parts": ["person", "address", "client"], "reason": "Case P-118"}


@pytest.fixture
def asking(
    engine: object, settings: Settings, workspace: Workspace, admin: User, second_admin: User
) -> Asking:
    return Asking(workspace, admin, settings, second_admin)


@pytest.fixture
def first(client: FlaskClient, admin: User) -> FlaskClient:
    sign_in(client, admin)
    return client


def post(client: FlaskClient, asking: Asking, path: str = "", /, **form: object) -> TestResponse:
    url = f"/w/{asking.workspace.slug}/erasures{path}"
    return client.post(url, data={**form, "csrf_token": csrf_token(client)})


def asked(client: FlaskClient, asking: Asking, person: str) -> str:
    """Ask for it through the form; the path of its page below the list."""
    answer = post(client, asking, person=person, **FIELDS)
    assert answer.status_code == 303
    return answer.location.partition("/erasures")[2].partition("?")[0]


def test_form_shows_whom_how_many_and_one_before_and_after(
    first: FlaskClient, asking: Asking
) -> None:
    person = unique("daniel.osei")
    asking.send(person, 3)
    page = post(first, asking, "/look", person=person, **FIELDS).text
    assert 'data-events="3"' in page
    assert f"{person}@acme.example" in page
    after = re.findall(
        r'<th scope="row">(.*?)</th>.*?data-l="After".*?>(.*?)</td>', page, re.DOTALL
    )
    shown = {name: words.strip() for name, words in after}
    assert shown["Name"] == shown["Email"] == shown["IP Address"] == "erased"
    assert shown["Person’s id"] == person
    assert "Ask for erasure" in page
    assert "Ask for erasure" not in first.get(f"/w/{asking.workspace.slug}/erasures").text


def test_second_admin_confirms_by_the_number_and_it_is_done(
    app: Flask, first: FlaskClient, second_browser: FlaskClient, asking: Asking
) -> None:
    person = unique("ola.brandvik")
    asking.send(person, 2)
    path = asked(first, asking, person)
    assert "Erase for good" not in first.get(f"/w/{asking.workspace.slug}/erasures{path}").text
    page = second_browser.get(f"/w/{asking.workspace.slug}/erasures{path}").text
    assert "Erase for good" in page
    assert 'value="2"' not in page
    wrong = post(second_browser, asking, f"{path}/confirm", events="3")
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    assert post(second_browser, asking, f"{path}/confirm", events="2").status_code == 303
    let_take_effect(app, asking.workspace)
    seal(asking.workspace)
    with app.app_context():
        assert erase() == 2
        assert erase() == 0
    page = first.get(f"/w/{asking.workspace.slug}/erasures{path}").text
    assert "Erased a person’s words from 2 events" in page
    assert person not in page
    for who in (asking.asker, asking.confirmer):
        assert len(mails_to(who.id, "change.applied")) == 1


def test_asker_cannot_confirm_and_any_admin_cancels(
    first: FlaskClient, second_browser: FlaskClient, asking: Asking
) -> None:
    person = unique("mira")
    asking.send(person)
    path = asked(first, asking, person)
    refused = post(first, asking, f"{path}/confirm", events="1")
    assert refused.status_code == 409
    assert post(second_browser, asking, f"{path}/cancel").status_code == 303
    assert states(asking.workspace) == ["cancelled"]
    assert post(second_browser, asking, f"{path}/confirm", events="1").status_code == 409
    assert [e["activity"] for e in asking.log() if e["activity"].startswith("erasure")] == [
        "erasure.request",
        "erasure.cancel",
    ]


def test_settings_neither_list_nor_approve_an_erasure(
    first: FlaskClient, second_browser: FlaskClient, asking: Asking
) -> None:
    person = unique("mira")
    asking.send(person)
    asked(first, asking, person)
    [change] = changes_of(asking.workspace)
    page = first.get(f"/w/{asking.workspace.slug}/settings/retention").text
    assert str(change.id) not in page
    assert change.subject not in page
    assert act_on(second_browser, asking.workspace, change, "approve").status_code == 404
    assert changes_of(asking.workspace)[0].approved_by is None


def test_who_they_are_is_asked_again_before_asking_and_confirming(
    first: FlaskClient, second_browser: FlaskClient, asking: Asking
) -> None:
    person = unique("mira")
    asking.send(person)
    path = asked(first, asking, person)
    for client in (first, second_browser):
        confirmed_ago(client)
    assert post(first, asking, person=person, **FIELDS).status_code == 401
    assert post(second_browser, asking, f"{path}/confirm", events="1").status_code == 401
    assert post(second_browser, asking, f"{path}/cancel").status_code == 303


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"person": "nobody.here", **FIELDS}, 422, "no event of that person"),
        ({"person": "system", **FIELDS}, 422, "part of the product"),
        ({"person": "", **FIELDS}, 422, "Give the id"),
        ({"person": "ola", "reason": "x"}, 422, "Choose what is erased"),
        ({"person": "ola", **FIELDS, "reason": ""}, 422, "Give a reason"),
        ({"person": "ola", **FIELDS, "reason": "ola asked"}, 422, "names the person"),
    ],
)
def test_form_says_what_is_wrong_beside_its_field(
    first: FlaskClient, asking: Asking, form: dict[str, object], status: int, words: str
) -> None:
    asking.send("ola")
    answer = post(first, asking, **form)
    assert answer.status_code == status
    assert words in answer.text
    assert states(asking.workspace) == []


def test_legal_hold_is_said_and_forbids(first: FlaskClient, asking: Asking) -> None:
    asking.send("ola")
    hold(asking.workspace, legal_hold=True)
    assert "A legal hold keeps everything" in first.get(f"/w/{asking.workspace.slug}/erasures").text
    answer = post(first, asking, person="ola", **FIELDS)
    assert answer.status_code == 409
    assert "A legal hold forbids it" in answer.text


def test_bell_and_mail_tell_every_admin_and_name_no_person(
    first: FlaskClient, asking: Asking
) -> None:
    person = unique("mira")
    asking.send(person)
    path = asked(first, asking, person)
    for who in (asking.asker, asking.confirmer):
        [mail] = mails_to(who.id, "change.asked")
        assert mail.context["url"].endswith(f"/erasures{path}")
        assert person not in str(mail.context)
    assert person not in first.get("/notifications").text
