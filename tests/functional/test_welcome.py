"""The link of a fresh installation: who gets it, what it makes, and when it opens nothing."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts import attempts
from auditsaas.pages.welcome import announcing
from config.settings import Settings
from tests.support.commands import Commands
from tests.support.factories import csrf_token
from tests.support.fresh import Fresh, fresh_installation

PASSWORD = "seven purple otters juggling"
FORM = {
    "name": "Mira Okafor",
    "email": "Mira.Okafor@halden.example",
    "password": PASSWORD,
    "workspace": "Halden Freight",
    "slug": "",
    "time_zone": "America/New_York",
    "admin": "me",
}
LINK = re.compile(r"/welcome/[\w-]{43}")
MADE = ("users", "workspaces", "memberships", "api_keys", "invitations", "sessions", "mails")


@pytest.fixture(scope="module")
def made_once(settings: Settings) -> Iterator[Fresh]:
    with fresh_installation(settings) as fresh:
        yield fresh


@pytest.fixture
def fresh(made_once: Fresh) -> Fresh:
    made_once.empty()
    return made_once


@pytest.fixture
def link(fresh: Fresh) -> str:
    return welcome(fresh)


def welcome(fresh: Fresh) -> str:
    """The path of a new link, as an operator asks for it."""
    printed = Commands(fresh.settings, BASE_URL="https://logs.example").done("welcome")
    assert printed.startswith("https://logs.example/welcome/")
    return printed.strip().removeprefix("https://logs.example")


def send(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    return client.post(path, data=FORM | {"csrf_token": csrf_token(client)} | fields)


def side_by_side(*acts: Callable[[], object]) -> list[object]:
    """Do these at the same time."""
    ready = threading.Barrier(len(acts))

    def after_all(act: Callable[[], object]) -> object:
        ready.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(after_all, acts))


def test_link_is_printed_once_by_processes_that_begin_together(
    fresh: Fresh, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "auditsaas"):
        side_by_side(*[lambda: announcing.offer(fresh.app)] * 4)
        announcing.offer(fresh.app)
    printed = LINK.findall(caplog.text)
    assert len(printed) == 1
    assert fresh.app.test_client().get(printed[0]).status_code == 200
    assert fresh.activities("system") == ["installation.link"]


def test_link_is_kept_only_as_its_hash(fresh: Fresh, link: str) -> None:
    token = link.removeprefix("/welcome/")
    assert token not in str(fresh.rows("SELECT * FROM setup_links"))
    assert token not in str(fresh.rows("SELECT * FROM events"))


def test_installation_with_people_prints_nothing_and_makes_no_link(
    fresh: Fresh, caplog: pytest.LogCaptureFixture
) -> None:
    commands = Commands(fresh.settings)
    commands.done("user", "create", "ann@acme.example", "--password-stdin", given=PASSWORD)
    announcing.offer(fresh.app)
    assert not LINK.search(caplog.text)
    assert "This installation has people." in commands.refused("welcome")
    assert fresh.count("setup_links") == 0


def test_form_makes_super_admin_workspace_membership_and_key(fresh: Fresh, link: str) -> None:
    client = fresh.app.test_client()
    page = send(client, link)
    assert page.status_code == 200
    key = re.search(r'value="(aud_\w+)"', page.text)
    assert key
    sent = {"activity": "user.login", "status": "success", "actor": {"id": "ann"}}
    given = {"Authorization": f"Bearer {key[1]}"}
    assert (
        fresh.app.test_client().post("/api/v1/events", json=sent, headers=given).status_code == 201
    )
    user = fresh.rows("SELECT email, is_super_admin FROM users")
    assert [tuple(row) for row in user] == [("mira.okafor@halden.example", True)]
    found = fresh.rows("SELECT time_zone FROM workspaces WHERE slug = 'halden-freight'")
    assert found[0].time_zone == "America/New_York"
    assert client.get("/w/halden-freight/audit-logs").status_code == 200


def test_everything_that_is_made_is_recorded(fresh: Fresh, link: str) -> None:
    send(fresh.app.test_client(), link)
    made = ["workspace.create", "member.add", "api_key.create"]
    assert fresh.activities("halden-freight") == made
    told = fresh.activities("system")
    assert told[:3] == ["installation.link", "user.create", "installation.set_up"]
    assert sorted(told[3:]) == sorted(made)
    token = link.removeprefix("/welcome/")
    assert token not in str(fresh.rows("SELECT path, metadata FROM events"))


def test_other_person_is_invited_and_the_link_shown_to_copy(fresh: Fresh, link: str) -> None:
    page = send(fresh.app.test_client(), link, admin="another", admin_email="ann@halden.example")
    invitation = re.search(r'value="[^"]*(/invitations/[\w-]{43})"', page.text)
    assert invitation
    assert fresh.count("memberships") == 0
    other = fresh.app.test_client()
    given = {
        "name": "Ann",
        "password": "nine green llamas whistle",
        "csrf_token": csrf_token(other),
    }
    assert other.post(invitation[1], data=given).status_code == 303
    assert fresh.rows("SELECT role FROM memberships")[0].role == "admin"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", ""),
        ("email", "mira"),
        ("password", "short"),
        ("password", "Okafor Halden 2026 x"),
        ("workspace", "\N{ZERO WIDTH SPACE}"),
        ("slug", "admin"),
        ("time_zone", "Mars/Olympus"),
        ("admin", "nobody"),
    ],
)
def test_wrong_field_is_named_beside_it_and_nothing_is_made(
    fresh: Fresh, link: str, field: str, given: str
) -> None:
    before = {table: fresh.count(table) for table in MADE}
    page = send(fresh.app.test_client(), link, **{field: given})
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    assert {table: fresh.count(table) for table in MADE} == before
    assert PASSWORD not in page.text
    assert send(fresh.app.test_client(), link).status_code == 200


@pytest.mark.parametrize("given", ["", "ann", "mira.okafor@halden.example"])
def test_address_of_the_other_admin_is_checked(fresh: Fresh, link: str, given: str) -> None:
    page = send(fresh.app.test_client(), link, admin="another", admin_email=given)
    assert page.status_code == 422
    assert 'id="admin_email-error"' in page.text


def test_taken_slug_makes_nothing_and_leaves_the_link_good(fresh: Fresh, link: str) -> None:
    Commands(fresh.settings).done("workspace", "create", "Halden", "--slug", "halden")
    before = {table: fresh.count(table) for table in MADE}
    page = send(fresh.app.test_client(), link, slug="halden")
    assert page.status_code == 409
    assert 'id="slug-error"' in page.text
    assert {table: fresh.count(table) for table in MADE} == before
    assert send(fresh.app.test_client(), link).status_code == 200


def test_of_two_who_send_at_once_one_wins_and_the_other_is_told(fresh: Fresh, link: str) -> None:
    one, other = fresh.app.test_client(), fresh.app.test_client()
    answers = side_by_side(
        lambda: send(one, link),
        lambda: send(other, link, name="Joan Park", email="joan@halden.example", workspace="Other"),
    )
    pages = sorted((answer for answer in answers), key=lambda page: page.status_code)  # type: ignore[attr-defined]
    assert [page.status_code for page in pages] == [200, 404]  # type: ignore[attr-defined]
    assert "This installation is set up." in pages[1].text  # type: ignore[attr-defined]
    assert (fresh.count("users"), fresh.count("api_keys")) == (1, 1)


def test_every_link_opens_nothing_once_somebody_has_an_account(fresh: Fresh, link: str) -> None:
    send(fresh.app.test_client(), link)
    client = fresh.app.test_client()
    for path in (link, "/welcome/x", f"{link}/ready"):
        assert client.get(path).status_code == 404
    assert send(client, link).status_code == 404
    assert fresh.count("users") == 1


def test_older_link_ends_with_the_next_and_after_a_day(fresh: Fresh, link: str) -> None:
    client, newer = fresh.app.test_client(), welcome(fresh)
    assert (client.get(link).status_code, client.get(newer).status_code) == (404, 200)
    with fresh.owner.begin() as connection:
        connection.exec_driver_sql("UPDATE setup_links SET expires_at = now()")
    assert client.get(newer).status_code == 404
    assert send(client, newer).status_code == 404
    assert "auditsaas welcome" in client.get(newer).text
    assert client.get(welcome(fresh)).status_code == 200


def test_restart_after_a_day_prints_no_other_link(
    fresh: Fresh, link: str, caplog: pytest.LogCaptureFixture
) -> None:
    with fresh.owner.begin() as connection:
        connection.exec_driver_sql("UPDATE setup_links SET expires_at = now()")
    announcing.offer(fresh.app)
    assert not LINK.search(caplog.text)


def test_form_without_the_pages_token_makes_nothing(fresh: Fresh, link: str) -> None:
    assert fresh.app.test_client().post(link, data=FORM).status_code == 400
    assert fresh.count("users") == 0


def test_guesses_of_one_place_are_paused(fresh: Fresh, link: str) -> None:
    client = fresh.app.test_client()
    answers = [client.get("/welcome/x").status_code for _ in range(attempts.WELCOME.most)]
    assert set(answers) == {404}
    assert client.get("/welcome/x").status_code == 429
    assert client.get(link).status_code == 429


def test_token_is_written_to_no_line_about_a_request(
    fresh: Fresh, link: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = fresh.app.test_client()
    with caplog.at_level(logging.INFO, "auditsaas"):
        client.get(link)
        client.get(f"{link}/ready")
        answer = send(client, link)
    lines = [record for record in caplog.records if record.name == "auditsaas.requests"]
    assert [record.path for record in lines] == ["/welcome/..."] * 3  # type: ignore[attr-defined]
    assert link not in caplog.text
    assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_readiness_is_told_in_words(fresh: Fresh, link: str) -> None:
    text = fresh.app.test_client().get(f"{link}/ready").text
    for title in ("Database", "Redis", "Workers", "Files", "Mail", "SECRET_KEY", "Address"):
        assert title in text
    assert "SMTP_URL is not set" in text
    assert fresh.settings.secret_key not in text


def test_first_screen_of_a_super_admin_makes_the_first_workspace(fresh: Fresh) -> None:
    words = ("user", "create", "robin@acme.example", "--super-admin", "--password-stdin")
    Commands(fresh.settings).done(*words, given=PASSWORD)
    client = fresh.app.test_client()
    given = {"email": "robin@acme.example", "password": PASSWORD, "csrf_token": csrf_token(client)}
    assert client.post("/login", data=given).status_code == 302
    with fresh.owner.begin() as connection:
        connection.exec_driver_sql("UPDATE sessions SET second_factor_at = now()")
    assert client.get("/").location == "/admin"
    assert client.get("/admin").location == "/admin/workspaces/new"
    Commands(fresh.settings).done("workspace", "create", "Acme")
    assert client.get("/admin").location == "/admin/workspaces"
